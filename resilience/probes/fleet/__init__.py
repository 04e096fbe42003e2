"""A prober that consists of several agents on several nodes: its objects, its merged samples, and
which agents were blind."""
