"""Actions on nodes, and how the nodes are chosen."""
