"""Backup plans as scenarios: fresh, intact and drill."""
