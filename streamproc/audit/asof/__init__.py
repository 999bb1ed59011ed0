"""Who had which access at a moment, and why."""
