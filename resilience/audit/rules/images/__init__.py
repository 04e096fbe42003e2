"""Which image runs, and whether it can be had again."""
