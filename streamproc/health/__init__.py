"""How a service is: what is wrong with it now makes one state, which is served, measured and kept in the log."""
