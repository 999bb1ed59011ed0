"""Hypothesis's profile: no deadline (shared machines stall), and few enough examples to run on every save."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "streamproc", deadline=None, max_examples=100, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("streamproc")
