"""The durable list of undos, and every way to execute it.

At the end of a run, by recovery, by takeover.
"""
