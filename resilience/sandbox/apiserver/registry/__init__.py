"""The generic rules between a request and the store."""
