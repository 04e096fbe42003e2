"""The rules of NetworkPolicies, Ingresses and ServiceCIDRs."""
