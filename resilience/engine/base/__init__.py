"""What the rest of the engine stands on: time, abort, seeds, timeline, options.

Imports no other room of the engine.
"""
