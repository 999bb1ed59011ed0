"""SCIM over HTTP: what clients read is answered from here, and what they write becomes records of `events.scim`."""
