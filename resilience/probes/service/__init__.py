"""Probes of a Service or an address: their shared keys, their permissions, where they run."""
