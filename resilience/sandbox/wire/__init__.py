"""How the kubelet and the data plane call the API server: plain HTTP over a Unix socket."""
