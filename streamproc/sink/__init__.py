"""Process: delivers operations to the target."""
