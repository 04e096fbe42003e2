"""Requests to a cluster and commands in its containers, as values."""
