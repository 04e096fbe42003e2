"""What values mean: the rules behind a 422, with the real server's texts.

Each module validates a family of kinds and only collects causes; `rules.check` raises them all at
once. Sources: pkg/apis/*/validation of Kubernetes.
"""
