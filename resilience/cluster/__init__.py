"""The only room that talks to Kubernetes. Objects are raw JSON mappings."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from resilience.cluster.access.access import Access
    from resilience.cluster.connection.wire import Gate
    from resilience.cluster.requests.request import Middleware
    from resilience.cluster.transport import HttpCluster

__all__ = ["connect", "open_context"]


def connect(access: Access, *, run: str = "", gate: Gate | None = None) -> HttpCluster:
    """Create a cluster client; nothing is sent yet. `run` goes into the User-Agent; `gate` sees
    each request before it is sent and may refuse it."""
    from resilience.cluster.transport import HttpCluster

    return HttpCluster(access, run=run, gate=gate)


def open_context(
    context: str,
    kubeconfig: str = "",
    *,
    gate: Gate | None = None,
    around: Middleware | None = None,
) -> HttpCluster:
    """The cluster of a kubeconfig context; `around` is wrapped around every request: a short
    patience, unless the caller has its own. A sandbox that someone else started is recognised by
    what it answers, since a context's name proves nothing."""
    from dataclasses import replace
    from urllib.parse import urlsplit

    from resilience.cluster.access.access import load
    from resilience.cluster.connection.patience import short

    access, around = load(context, kubeconfig), around or short()
    cluster = connect(access, gate=gate).through(around)
    if urlsplit(access.server).hostname == "127.0.0.1" and _is_sandbox(cluster):
        cluster.close()
        cluster = connect(replace(access, sandbox=True), gate=gate).through(around)
    return cluster


def _is_sandbox(cluster: HttpCluster) -> bool:
    return cluster.server_version().endswith("+sandbox")
