"""The data plane: TCP and UDP forwarders for Services, and DNS for Pods."""
