"""Doctor: is everything set up as it has to be? It only reads."""
