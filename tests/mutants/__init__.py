"""Mutation testing, bounded in time: `python -m tests.mutants`, behind `make mutants`."""
