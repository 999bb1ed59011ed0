"""Process: resolves raw records to users, and folds events to desired state."""
