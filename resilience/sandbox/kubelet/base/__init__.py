"""Leaves of the kubelet: clock, logs, terminals, addresses, the zygote's client."""
