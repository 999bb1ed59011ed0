"""Flow control that several processes share."""
