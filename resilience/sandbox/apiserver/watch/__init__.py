"""Watches: every change to every watcher, in order."""
