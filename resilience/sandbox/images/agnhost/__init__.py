"""`registry.k8s.io/e2e-test-images/agnhost`: the subcommands that resilience tests use.

Flags, paths, answers and exit codes follow the real image (kubernetes/test/images/agnhost).
"""
