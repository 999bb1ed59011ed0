"""What the sink decides, without I/O."""
