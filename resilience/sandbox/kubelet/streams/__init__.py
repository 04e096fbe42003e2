"""What the kubelet answers: logs, exec, attach, port-forward, faults."""
