"""The engine for tests written in Python: the fixture `resilience`."""
