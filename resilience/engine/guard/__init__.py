"""What a run may touch: consent, limits, locks, permissions. Checked before every action."""
