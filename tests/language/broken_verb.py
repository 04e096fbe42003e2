"""A third party's module that breaks when it is imported."""

VERB = 1 / 0
