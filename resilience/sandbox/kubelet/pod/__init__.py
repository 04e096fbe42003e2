"""Pods and containers: their lives on a node."""
