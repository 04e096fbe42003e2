"""The kubelet of every node: runs Pods as processes and reports their state to the API server."""
