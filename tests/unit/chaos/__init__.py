"""Tests of what judges the crash runs."""
