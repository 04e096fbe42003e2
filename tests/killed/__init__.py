"""Every verb and command killed at random moments: what is left over afterwards (`make killed`)."""
