"""Writes docs/reference and the schemas from the code; `make docs` runs it.

Nothing imports it.
"""
