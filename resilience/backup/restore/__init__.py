"""Restoring a snapshot: what the target serves, writing, and one outcome for each object."""
