"""The processes: imperative shells around the core."""
