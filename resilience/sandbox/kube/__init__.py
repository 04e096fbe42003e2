"""Kubernetes' rules and words that API server, controllers, scheduler and kubelet share."""
