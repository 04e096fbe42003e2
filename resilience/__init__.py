"""pytest-resilience: prove that a Kubernetes service survives losing Pods and nodes.

Importing this package costs nothing: no cluster client, no YAML, no terminal library is loaded
until a scenario is. The public surface for hand-written tests is the pytest fixture `resilience`.
"""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
