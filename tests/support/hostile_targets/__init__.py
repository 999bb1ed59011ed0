"""Targets as people meet them: a correct SCIM store, and behaviours over it that go wrong in one way each."""
