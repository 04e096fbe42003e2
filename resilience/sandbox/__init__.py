"""The embedded Kubernetes sandbox: a cluster of ordinary processes on loopback addresses.

Started by `python -m resilience.sandbox up` and spoken to over HTTPS like any cluster. It imports
nothing from the rest of `resilience`, and nothing else imports it. Linux only; it is an emulator
and no security boundary: Pods are cooperative Python processes of the same user.
"""
