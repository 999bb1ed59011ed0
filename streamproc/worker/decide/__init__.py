"""What the worker decides, without I/O."""
