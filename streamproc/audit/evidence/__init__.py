"""Evidence bundles: what they hold, how they are checked, redacted and signed. Begin with `format.py`."""
