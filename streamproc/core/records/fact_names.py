"""Names of the facts that have a meaning of their own."""

from typing import Final

GROUP: Final = "group:"
"""A group's fact is this and its name. A snapshot that also says who is in no group says the bare prefix as well."""
STARTS: Final = "*starts"
"""In the place of a row's name: every row that says that somebody is active."""
ACTIVE: Final = "active"
"""The fact that gives access, as every source's parser names it."""
FROM_DATES: Final = "dates"
"""What the names of rows begin with that were made from a snapshot's dates."""
DATES: Final = "*dates"
"""In the place of a row's name: those, and every end on a day that an event told (`lags`)."""
LOGINS: Final = ("okta", "entra", "pingone", "scim", "set", "workday", "hris", "debezium")
"""All sources, by whose word on somebody's login counts first: who lets them log in comes before HR."""
ACCOUNTS: Final = frozenset(LOGINS[:5])
"""Sources whose subjects are accounts. Those of others are jobs."""
MORE: Final = "*more"
"""In the place of a name: what stands for all that is too much to be kept one by one (`core/fold/row_bounds.py`)."""
