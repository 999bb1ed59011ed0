"""Is the log as it was recorded? Folds it again and compares."""
