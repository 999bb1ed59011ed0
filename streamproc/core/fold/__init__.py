"""Facts to desired state, and desired state to operations."""
