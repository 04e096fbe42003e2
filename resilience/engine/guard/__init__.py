"""Who may be touched: consent, limits, locks, permissions. Asked before every action."""
