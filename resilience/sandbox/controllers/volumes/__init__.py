"""Volumes, claims and VolumeSnapshots."""
