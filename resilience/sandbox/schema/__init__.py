"""The table of facts about Kubernetes kinds, and what reads it."""
