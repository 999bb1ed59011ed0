"""The decisions: pure functions and deciders. No I/O, clock, randomness or framework may be imported here."""
