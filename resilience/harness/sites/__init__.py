"""The two places where a session's runs act, behind one protocol: the sandbox and a target.

Imported by `harness.session` when a cluster is first needed.
"""
