"""What has to be true at the end of a run, worked out from the steps alone. Nothing here knows the product's code.

`words.py` what the contract's events come to, `accounts.py` whose each directory's account is and what it says,
`rules.py` what the mappings mean, `expected.py` all of it together, `compare.py` held against what the target has.
"""

from tests.simulation.oracle.compare import accounts_of, mismatched
from tests.simulation.oracle.expected import Expected, expected

__all__ = ["Expected", "accounts_of", "expected", "mismatched"]
