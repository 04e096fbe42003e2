"""Carries out a scenario: given, probes, when, settle, then, undo, verdict."""
