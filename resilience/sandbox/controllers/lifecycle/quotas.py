"""The ResourceQuota controller: keeps `status.hard` and `status.used` current (rules 3.12).

Admission debits at once; this controller recounts when something in the namespace goes or changes
its usage, and every five minutes.
"""

from __future__ import annotations

from typing import Final

from resilience.sandbox.controllers.lifecycle.all_kinds import AllKinds
from resilience.sandbox.controllers.lifecycle.quota_usage import Usage, add, in_scope, usage_of
from resilience.sandbox.kube.api import Change, Obj, Resource
from resilience.sandbox.kube.object_edits import key_of, with_status
from resilience.sandbox.kube.quantity import text
from resilience.sandbox.kube.selector_index import Key
from resilience.sandbox.reconcile.controller_context import Context, Controller

RESYNC: Final = 300.0
_DERIVED: Final = {
    "pods": "pods",
    "cpu": "pods",
    "memory": "pods",
    "ephemeral-storage": "pods",
    "services": "services",
    "persistentvolumeclaims": "persistentvolumeclaims",
}


class QuotaController(Controller):
    """See the module."""

    name = "resourcequota-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.kind = context.kind("resourcequotas")
        self.kinds = AllKinds(context, self._content_changed)
        self._quotas: dict[str, set[Key]] = {}

    def start(self) -> None:
        """Watch quotas and everything that may be counted."""
        self.context.watch(self.kind, self._quota_changed)
        self.kinds.start()

    def reconcile(self, key: Key) -> float | None:
        """Recount one quota."""
        quota = self.api.find(self.kind, *key)
        if quota is None:
            return None
        hard = quota["spec"].get("hard") or {}
        used = self._count(quota, set(hard))
        status = {"hard": hard, "used": {name: _text(hard, used, name) for name in hard}}
        if status != quota.get("status"):
            self.api.update(self.kind, with_status(quota, status), "status")
        return RESYNC

    def _count(self, quota: Obj, names: set[str]) -> Usage:
        used: Usage = {}
        now = self.clock.now()
        for resource in self.kinds.served():
            if not resource.namespaced or not _may_count(resource, names):
                continue
            for obj in self.api.list(resource, quota["metadata"]["namespace"]):
                if in_scope(quota, resource, obj):
                    add(used, usage_of(resource, obj, now).items())
        return used

    def _quota_changed(self, change: Change) -> None:
        key = key_of(change.obj)
        if change.type == "DELETED":
            self._quotas.get(key[0], set()).discard(key)
        else:
            self._quotas.setdefault(key[0], set()).add(key)
            self.enqueue(key)

    def _content_changed(self, change: Change) -> None:
        quotas = self._quotas.get(change.obj["metadata"].get("namespace", ""))
        if not quotas or (change.type == "MODIFIED" and not self._differs(change)):
            return
        for key in quotas:
            self.enqueue(key)

    def _differs(self, change: Change) -> bool:
        now = self.clock.now()
        before = usage_of(change.resource, change.old or change.obj, now)
        return before != usage_of(change.resource, change.obj, now)


def _may_count(resource: Resource, names: set[str]) -> bool:
    """Whether objects of a kind can count under a name that a quota limits; other kinds need not be
    listed."""
    full = f"{resource.plural}.{resource.group}" if resource.group else resource.plural
    if f"count/{full}" in names or (not resource.group and resource.plural in names):
        return True
    if resource.group:
        return False
    return any(_source(name) == resource.plural for name in names)


def _source(name: str) -> str:
    """The kind that a derived name is counted from."""
    if "storage" in name and "ephemeral" not in name:
        return "persistentvolumeclaims"
    if name.startswith("services."):
        return "services"
    return _DERIVED.get(name.removeprefix("requests.").removeprefix("limits."), "")


def _text(hard: dict[str, str], used: Usage, name: str) -> str:
    amount = used.get(name)
    binary = str(hard[name]).endswith("i") or "memory" in name or "storage" in name
    return text(amount, binary=binary) if amount else "0"
