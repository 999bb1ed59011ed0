"""The revocation report as people and machines read it: terminal table, CSV, JSON, and one self-contained HTML page."""
