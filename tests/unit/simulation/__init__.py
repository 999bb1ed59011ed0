"""Unit tests of the simulation's own parts."""
