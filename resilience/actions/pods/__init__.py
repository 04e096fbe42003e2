"""Actions on Pods, and how their victims are chosen."""
