"""Taking back what an action changed, and nothing of what others changed since."""
