"""Settings, targets and schedules, read from options, environment and files.

Imports only `model`, `kube` and `cluster`.
"""
