"""Data other than objects.

Volumes, dumps, hooks and the sentinel, by commands in containers.
"""
