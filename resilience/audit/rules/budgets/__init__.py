"""PodDisruptionBudgets: none, blocking, idle, overlapping."""
