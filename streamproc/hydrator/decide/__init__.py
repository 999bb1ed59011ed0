"""What the hydrator decides, without I/O."""
