"""Whom to call when it breaks."""
