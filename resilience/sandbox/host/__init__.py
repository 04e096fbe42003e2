"""The host below a sandbox: Linux calls, processes, addresses, files, certificates.

A leaf of the sandbox.
"""
