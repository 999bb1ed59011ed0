"""Attacks: what strangers, producers, directories and targets can write, against the real parts."""
