"""What the rest of the engine builds on: time, abort, seeds, timeline, options.

Imports no other room of the engine.
"""
