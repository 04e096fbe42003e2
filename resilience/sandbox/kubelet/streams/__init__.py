"""The kubelet's endpoints: logs, exec, attach, port-forward, faults."""
