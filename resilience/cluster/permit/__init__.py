"""What may leave for a cluster: permits, and what a request changes beside its own object."""
