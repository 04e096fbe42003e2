"""Executes a scenario: given, probes, when, settle, then, undo, verdict."""
