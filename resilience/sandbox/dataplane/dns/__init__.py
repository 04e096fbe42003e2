"""Cluster DNS: names of Services, endpoints and Pods."""
