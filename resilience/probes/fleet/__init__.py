"""A prober as several agents on several nodes: its objects, its samples as one, who was blind."""
