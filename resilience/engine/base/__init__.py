"""The foundation of the engine: time, abort, seeds, timeline, options.

Imports no other room of the engine.
"""
