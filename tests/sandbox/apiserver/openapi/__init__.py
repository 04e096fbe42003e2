"""Tests of discovery and OpenAPI."""
