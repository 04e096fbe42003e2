"""Probes, and how a Pod starts and stops."""
