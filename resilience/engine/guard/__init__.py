"""What a run may change: consent, limits, locks, permissions. Checked before every action."""
