"""The embedded Kubernetes sandbox: a cluster of ordinary processes on loopback addresses.

Started by `python -m resilience.sandbox up` and accessed over HTTPS like any cluster. It imports
only `kube` from the rest of `resilience`, and nothing else imports it. Linux only; it is an
emulator and not a security boundary: Pods are cooperative Python processes of the same user.
"""
