"""Other people's SCIM clients and test suites against the gateway. `python -m tests.judges.front_door [NAME ...]`"""
