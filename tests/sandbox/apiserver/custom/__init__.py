"""Tests of custom resources in several versions."""
