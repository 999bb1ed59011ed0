"""How fast leavers lost their access."""
