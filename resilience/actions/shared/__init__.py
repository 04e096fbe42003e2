"""Needed by several actions: references to workloads, manifests, kinds."""
