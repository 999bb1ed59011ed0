"""Which user a source's subject is."""
