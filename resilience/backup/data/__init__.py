"""Data that is not objects.

Volumes, dumps, hooks and the sentinel, by commands in containers.
"""
