"""Reverts what an action changed, and keeps what others changed since."""
