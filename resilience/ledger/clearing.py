"""The undo of a ledger: delete the writes of its run, in whatever state the fault left the store.

A store that does not answer yet is waited for. If it stays away, the writes are tried once more
after the other undos, which may put the store right, or remove it: the writes of a store that is
gone are gone as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resilience.cluster.errors import ApiError, NotFound
from resilience.cluster.interface import PODS, SERVICES, Cluster
from resilience.cluster.reach import address
from resilience.kube import objects
from resilience.ledger import targets, values
from resilience.ledger.drivers.session import Refused, Unreadable, Unusable
from resilience.ledger.opening import opening
from resilience.ledger.targets import ExecTarget, Target
from resilience.model import references
from resilience.verbs.context import ActionFailed, InUse, NotTrusted, UndoContext

HEALING = 30.0
"""Seconds for which a store is waited for before the other undos run."""

AGAIN = 1.0
"""Seconds between two tries."""


def clear(data: Mapping[str, Any], context: UndoContext) -> None:
    """Delete the run's writes. InUse if the store does not answer and other undos follow;
    ActionFailed if the writes stay."""
    start, namespace = str(data["prefix"]), str(data["namespace"])
    if not values.is_prefix(start, str(context.run)):
        raise ActionFailed(f"its record names {start!r}, where no key of run {context.run} begins")
    if not context.trusted and (what := targets.leads_out(data["target"])):
        raise NotTrusted(f"its record leads to {what}")
    try:
        target = targets.from_json(data["target"])
    except references.NotSet as error:
        raise ActionFailed(f"{error}; set it, and run `resilience recover` again") from error
    now = context.clock.monotonic
    until = context.deadline if context.last else min(context.deadline, now() + HEALING)
    while not _is_gone(target, namespace, context):
        try:
            _delete(target, data, context)
        except (Refused, Unreadable) as error:
            if now() + AGAIN <= until:
                context.clock.wait(AGAIN)
                continue
            kind = ActionFailed if context.last else InUse
            raise kind(_stay(data, target, error)) from error
        except Unusable as error:
            raise ActionFailed(_stay(data, target, error)) from error
        return


def _delete(target: Target, data: Mapping[str, Any], context: UndoContext) -> None:
    session = opening(
        target, context, lambda *where: address(context.cluster, *where),
        namespace=str(data["namespace"]), start=str(data["prefix"]),
        timeout=float(data["timeout"]), directory=Path(data["directory"]),
    )()  # fmt: skip
    try:
        session.clear()
    finally:
        session.close()


def _stay(data: Mapping[str, Any], target: Target, error: Exception) -> str:
    return f"writes that begin with {data['prefix']} stay in {targets.where(target)}: {error}"


def _is_gone(target: Target, namespace: str, context: UndoContext) -> bool:
    if isinstance(target, ExecTarget):
        return _has_no_pods(target, namespace, context.cluster)
    service = getattr(target, "service", "")
    if not service:
        return False
    try:
        found = context.cluster.get(SERVICES, service, namespace)
    except NotFound:
        return True
    outside = (found.get("spec") or {}).get("externalName")
    if outside and not context.trusted:
        raise NotTrusted(f"its record leads to host {outside}")
    return False


def _has_no_pods(target: ExecTarget, namespace: str, cluster: Cluster) -> bool:
    """Whether no Pod is left, and nothing that makes one unless it is being deleted. Where that may
    not be listed, it is not known, so false."""
    if cluster.list(PODS, namespace, labels=str(target.pods)):
        return False
    try:
        return not any(
            target.pods.matches(_labels_of_its_pods(workload))
            for resource in targets.MAKERS
            for workload in cluster.list(resource, namespace)
            if not objects.is_terminating(workload)
        )
    except ApiError:
        return False


def _labels_of_its_pods(workload: Mapping[str, Any]) -> Mapping[str, str]:
    template = (workload.get("spec") or {}).get("template") or {}
    return (template.get("metadata") or {}).get("labels") or {}
