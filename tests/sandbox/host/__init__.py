"""Tests of what sandboxes take from the machine."""
