"""What can be done to a cluster beside its API: chosen once, when the cluster is opened."""
