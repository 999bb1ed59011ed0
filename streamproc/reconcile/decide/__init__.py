"""What reconcile decides, pure."""
