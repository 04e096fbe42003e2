"""Validation of values: the rules behind a 422, with the real server's texts."""
