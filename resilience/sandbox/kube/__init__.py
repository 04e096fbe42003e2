"""Kubernetes' rules and vocabulary, shared by API server, controllers, scheduler and kubelet."""
