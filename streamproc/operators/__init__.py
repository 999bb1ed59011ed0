"""Operators' commands, appended to streamproc.controls, and what is read back."""
