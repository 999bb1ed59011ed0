"""Clients of the directories: one file a vendor's API."""
