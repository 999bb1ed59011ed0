"""What another mapping would do, before it is in force."""
