"""Shared by controllers of Pods: claiming, creating, templates, revisions."""
