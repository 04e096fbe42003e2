"""Actions on the network: partitions and Chaos Mesh."""
