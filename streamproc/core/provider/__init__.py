"""SCIM as a service provider: what a client asks for, and what becomes of it."""
