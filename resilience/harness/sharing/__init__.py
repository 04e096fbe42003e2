"""Scenarios that share `given`: next to each other, and what it set up held in between."""
