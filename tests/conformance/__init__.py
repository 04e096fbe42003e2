"""Rules of Kubernetes, asked of any cluster through its API.

`pytest tests/conformance` asks the embedded sandbox, `--resilience-context NAME` a real cluster.
Nothing here knows the sandbox from inside: where the two differ, the sandbox is wrong.
"""
