"""The foundation of the engine: time, abort, seeds, timeline, options.

It imports nothing else from the engine.
"""
