"""The kubelet of every node: runs Pods as processes and tells the API server how they are."""
