"""How the kubelet and the data plane speak to the API server: plain HTTP over a Unix socket."""
