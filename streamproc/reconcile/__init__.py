"""Reconcile: what the target holds, compared with what is desired; findings go to `scim.findings`."""
