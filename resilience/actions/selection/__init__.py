"""Which Pods an action chooses: match, filter, choose; also across namespaces."""
