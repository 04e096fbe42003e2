"""How many Pods there are, and what recreates them."""
