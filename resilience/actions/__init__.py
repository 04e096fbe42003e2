"""What a step can do to a cluster: one module per action."""
