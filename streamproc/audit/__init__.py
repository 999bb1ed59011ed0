"""Answers from the log, for auditors."""
