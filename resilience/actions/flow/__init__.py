"""Verbs that contain other steps: parallel, repeat, a choice, an expected refusal, a pause."""
