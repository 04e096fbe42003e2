"""Cluster-wide housekeeping: namespaces, accounts, garbage, quotas."""
