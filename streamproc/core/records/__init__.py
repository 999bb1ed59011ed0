"""The values of the topics, one file each."""
