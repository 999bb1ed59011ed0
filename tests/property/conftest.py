"""Hypothesis's profiles: no deadline (shared machines stall), and few enough examples to run on every save.

Each run draws others, so they add up. `HYPOTHESIS_PROFILE=thorough` draws ten times as many at once, and `brief` looks
for no smaller example of what it has found.
"""

import os

from hypothesis import HealthCheck, Phase, settings

EXAMPLES = 40
for name, examples in (("streamproc", EXAMPLES), ("thorough", 10 * EXAMPLES)):
    settings.register_profile(
        name, deadline=None, max_examples=examples, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
    )
settings.register_profile("brief", settings.get_profile("streamproc"), phases=[Phase.explicit, Phase.generate])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "streamproc"))
