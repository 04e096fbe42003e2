"""Where Pods run: on which nodes and in which zones."""
