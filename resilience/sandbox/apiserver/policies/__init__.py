"""Policies that judge a write: the Pod Security Standards of a namespace, and policies in CEL."""
