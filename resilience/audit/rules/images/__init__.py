"""Which image runs, and whether it can be pulled again."""
