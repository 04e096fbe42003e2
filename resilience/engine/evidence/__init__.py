"""Observations of a run: victims, their owners, watch events, and the verdict that follows."""
