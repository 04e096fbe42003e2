"""The durable list of undos, and every way to carry it out.

At the end of a run, by recovery, by takeover.
"""
