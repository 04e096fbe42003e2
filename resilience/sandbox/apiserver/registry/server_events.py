"""Kubernetes Events from the sandbox's own parts, repeats counted as client-go does.

Source: client-go/tools/record/events_cache.go (same key; the aggregation of similar texts and the
spam filter are left out: the sandbox's own parts do not flood).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from resilience.sandbox.host.sandbox_clock import stamp
from resilience.sandbox.kube.api import ApiError, Obj

if TYPE_CHECKING:
    from resilience.sandbox.apiserver.registry.registry import Registry

_REMEMBERED = 4096
_KEPT_SECONDS = 3600.0
_KEPT = 5000
"""Maximum number of Events. A real server keeps all of the last hour, in etcd; here they are in
memory, and an hour of accidents would be hundreds of megabytes."""
_SWEEP_SECONDS = 60.0
_PORTION, _PORTION_SECONDS = 100, 0.05
"""How many are dropped at a time, so that the loop is not blocked."""


class Recorder:
    """Writes Events through the registry; never raises, since an Event is never worth a failure."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._seen: OrderedDict[tuple[str, ...], tuple[str, str]] = OrderedDict()

    def record(self, about: Obj, type: str, reason: str, message: str, component: str) -> None:
        """Create an Event, or raise the count of the same one."""
        metadata = about["metadata"]
        namespace = metadata.get("namespace") or "default"
        key = (
            metadata.get("uid", ""),
            about.get("kind", ""),
            namespace,
            metadata["name"],
            type,
            reason,
            message,
            component,
        )
        now = stamp(self._registry.clock.now())
        resource = self._registry.resource("events")
        known = self._seen.get(key)
        try:
            old = self._registry.find(resource, *known) if known else None
            if old is not None:
                self._registry.patch(
                    resource,
                    namespace,
                    old["metadata"]["name"],
                    {"count": int(old.get("count") or 1) + 1, "lastTimestamp": now},
                )
                return
            made = self._registry.create(
                resource, self._event(about, namespace, type, reason, message, component, now)
            )
        except ApiError:
            return
        self._seen[key] = (namespace, made["metadata"]["name"])
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)

    def keep_swept(self) -> Callable[[], None]:
        """Drop old Events at intervals, as the real server's leases do; returns stop."""
        cancel: list[Callable[[], None]] = []
        doomed: list[tuple[str, str]] = []

        def again() -> None:
            if not doomed:
                doomed.extend(self.outdated())
            self._drop(doomed[:_PORTION])
            del doomed[:_PORTION]
            pause = _PORTION_SECONDS if doomed else _SWEEP_SECONDS
            cancel[:] = [self._registry.clock.call_later(pause, again)]

        again()
        return lambda: cancel[0]()

    def outdated(self) -> list[tuple[str, str]]:
        """Namespaces and names of Events that were not updated for an hour, or exceed the limit;
        oldest first."""
        oldest = stamp(self._registry.clock.now() - _KEPT_SECONDS)
        every = sorted(
            (event.get("lastTimestamp") or event["metadata"]["creationTimestamp"],
             event["metadata"]["namespace"], event["metadata"]["name"])
            for event in self._registry.list(self._registry.resource("events"))
        )  # fmt: skip
        spare = len(every) - _KEPT
        return [entry[1:] for at, entry in enumerate(every) if at < spare or entry[0] < oldest]

    def _drop(self, keys: list[tuple[str, str]]) -> None:
        resource = self._registry.resource("events")
        for key in keys:
            if self._registry.find(resource, *key) is not None:
                self._registry.delete(resource, *key)

    def _event(
        self,
        about: Obj,
        namespace: str,
        type: str,
        reason: str,
        message: str,
        component: str,
        now: str,
    ) -> dict[str, Any]:
        metadata = about["metadata"]
        reference = {
            "kind": about.get("kind", ""),
            "namespace": metadata.get("namespace", ""),
            "name": metadata["name"],
            "uid": metadata.get("uid", ""),
            "apiVersion": about.get("apiVersion", ""),
            "resourceVersion": metadata.get("resourceVersion", ""),
        }
        unique = f"{self._registry.chance.getrandbits(64):016x}"
        return {
            "metadata": {"name": f"{metadata['name']}.{unique}", "namespace": namespace},
            "involvedObject": {field: value for field, value in reference.items() if value},
            "reason": reason,
            "message": message,
            "type": type,
            "count": 1,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "eventTime": None,
            "source": {"component": component},
            "reportingComponent": component,
            "reportingInstance": "",
        }
