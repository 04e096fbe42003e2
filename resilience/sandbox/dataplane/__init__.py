"""The data plane: TCP and UDP forwarders for Services, and names for Pods."""
