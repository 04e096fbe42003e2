"""The only room that talks to Kubernetes. Objects are raw JSON mappings."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from resilience.cluster.access import Access
    from resilience.cluster.transport import HttpCluster

__all__ = ["connect"]


def connect(access: Access, *, run: str = "") -> HttpCluster:
    """A cluster to talk to; nothing is sent yet. `run` goes into the User-Agent."""
    from resilience.cluster.transport import HttpCluster

    return HttpCluster(access, run=run)
