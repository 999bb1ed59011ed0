"""SCIM as data: bodies out, answers in."""
