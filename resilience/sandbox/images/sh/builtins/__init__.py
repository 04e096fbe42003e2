"""Builtins of the shell that need more than a few lines."""
