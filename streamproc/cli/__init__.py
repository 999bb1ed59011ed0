"""The command line: one file a command; only options, text and exit codes."""
