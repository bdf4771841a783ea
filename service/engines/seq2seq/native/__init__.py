"""The decode step in C: sources, how they are compiled, and what hands a model over to them."""
