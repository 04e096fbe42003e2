"""How many Pods there are, and who makes new ones."""
