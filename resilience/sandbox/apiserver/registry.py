"""The registry: Kubernetes' generic rules between a request and the store; the in-process `Api`.

Every write, a client's or a controller's, passes here: names, versions, status separation,
generation, admission, no-op detection, finalizers, deletion. The HTTP layer calls the same methods
with its own `Call`. Source of the rules: k8s.io/apiserver/pkg/registry/{rest,generic/registry}.
Not here: per-kind rules (admission), subresources with a life of their own (`subresources.py`).
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

from resilience.sandbox.admission.chain import Chain
from resilience.sandbox.admission.request import Request
from resilience.sandbox.api import (
    Change,
    Clock,
    Obj,
    PatchType,
    Resource,
    Subresource,
)
from resilience.sandbox.apiserver import deletion, errors, metadata, patching
from resilience.sandbox.apiserver.call import SYSTEM, Call
from resilience.sandbox.apiserver.events import Recorder
from resilience.sandbox.apiserver.kinds import Kinds
from resilience.sandbox.apiserver.subresources import Subresources
from resilience.sandbox.clock import stamp
from resilience.sandbox.schema import strict
from resilience.sandbox.schema.facts import Kind, builtin
from resilience.sandbox.store import Record, Store, Table, clone

_STATUS_METADATA = ("labels", "annotations", "finalizers", "managedFields", "ownerReferences")
"""What a write to `/status` may change beside the status, as the built-in strategies allow."""


class Registry:
    """Implements `resilience.sandbox.api.Api`; see the module."""

    def __init__(
        self,
        clock: Clock,
        *,
        network: str = "127.20",
        store: Store | None = None,
        chance: random.Random | None = None,
        ids: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self.clock = clock
        self.store = store or Store()
        self.kinds = Kinds(builtin().kinds)
        self.chance = chance or random.Random()
        self._ids = ids
        self.chain = Chain(self, network)
        self._recorder = Recorder(self)
        self._subresources = Subresources(self)

    # -- reading ---------------------------------------------------------------------------------

    def resource(self, plural: str, group: str = "") -> Resource:
        return self.kinds.preferred(group, plural).resource

    def table(self, resource: Resource) -> Table:
        """The store's table of a resource."""
        group, plural = self.kinds.storage(resource)
        if (group, plural) != (resource.group, resource.plural):
            resource = self.resource(plural, group)
        return self.store.table(resource)

    def record(self, resource: Resource, namespace: str, name: str) -> Record:
        """The stored record; ApiError 404."""
        found = self.table(resource).records.get((namespace, name))
        if found is None:
            raise errors.not_found(resource, name)
        return found

    def get(self, resource: Resource, namespace: str, name: str) -> Obj:
        return self.record(resource, namespace, name).obj

    def find(self, resource: Resource, namespace: str, name: str) -> Obj | None:
        found = self.table(resource).records.get((namespace, name))
        return found.obj if found else None

    def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        labels: Mapping[str, str] | None = None,
        node: str | None = None,
        owner: str | None = None,
    ) -> Sequence[Obj]:
        table = self.table(resource)
        if owner is not None:
            keys: Sequence[tuple[str, str]] = sorted(table.by_owner.get(owner, ()))
        elif node is not None:
            keys = sorted(table.by_node.get(node, ()))
        else:
            keys = table.scope(namespace)
        records = table.records
        found = [records[key].obj for key in keys]
        if namespace is not None and (owner is not None or node is not None):
            found = [obj for obj in found if obj["metadata"].get("namespace", "") == namespace]
        if node is not None and owner is not None:
            found = [obj for obj in found if (obj.get("spec") or {}).get("nodeName") == node]
        if owner is not None:
            found = [obj for obj in found if _controlled_by(obj, owner)]
        if labels:
            wanted = labels.items()
            found = [
                obj for obj in found if wanted <= (obj["metadata"].get("labels") or {}).items()
            ]
        return found

    def dependents(self, uid: str) -> Iterator[tuple[Resource, Obj]]:
        """Every object, of any kind, with an ownerReference to `uid`."""
        for table in self.store.tables():
            for key in sorted(table.by_owner.get(uid, ())):
                yield table.resource, table.records[key].obj

    def served(self) -> Sequence[Resource]:
        """Every stored resource in its preferred version, custom ones included."""
        found = {
            (kind.resource.group, kind.resource.plural)
            for kind in self.kinds.all()
            if kind.stored
            and self.kinds.storage(kind.resource) == (kind.resource.group, kind.resource.plural)
        }
        return [self.resource(plural, group) for group, plural in sorted(found)]

    def subscribe(
        self, resource: Resource, callback: Callable[[Change], None]
    ) -> Callable[[], None]:
        self.table(resource)
        group, plural = self.kinds.storage(resource)
        return self.store.subscribe(self.resource(plural, group), callback)

    # -- writing ---------------------------------------------------------------------------------

    def create(self, resource: Resource, obj: Obj, *, call: Call = SYSTEM) -> Obj:
        kind = self.kinds.of(resource)
        obj = {"apiVersion": "", "kind": "", **clone(obj)}
        metadata.prepare_create(
            resource,
            obj,
            uid=self._ids(),
            now=stamp(self.clock.now()),
            chance=self.chance,
            counted=self._counts(kind),
        )
        if "status" in kind.subresources:
            self._initial_status(kind, obj)
        request = Request(self, kind, obj, None, call)
        self.chain.early(request)
        key = (obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
        if key in self.table(resource).records:
            raise errors.already_exists(resource, key[1])
        self.chain.create(request)
        self.chain.track(request)
        if call.dry_run:
            obj["metadata"].pop("resourceVersion", None)
            return obj
        self.chain.committed(request)
        return self.store.put(self.table(resource).resource, obj).obj

    def update(
        self,
        resource: Resource,
        obj: Obj,
        subresource: Subresource = "",
        *,
        call: Call = SYSTEM,
    ) -> Obj:
        about = obj.get("metadata") or {}
        namespace, name = about.get("namespace", ""), about.get("name", "")
        if subresource in ("scale", "binding", "eviction"):
            return self._subresources.write(resource, namespace, name, obj, subresource, call)
        old = self.get(resource, namespace, name)
        return self._replace(self.kinds.of(resource), old, clone(obj), subresource, call)

    def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        patch: Any,
        *,
        type: PatchType = "merge",
        subresource: Subresource = "",
        call: Call = SYSTEM,
    ) -> Obj:
        kind = self.kinds.of(resource)
        if subresource == "scale":
            return self._subresources.patch_scale(kind, namespace, name, patch, type, call)
        old = self.find(resource, namespace, name)
        if type == "apply":
            return self.chain.apply(self, kind, namespace, name, patch, subresource, call)
        if old is None:
            raise errors.not_found(resource, name)
        patched = patching.patched(kind, old, patch, type)
        metadata.check_names(resource, patched, namespace, name)
        if call.validation:
            strict.check(kind.model, patched, call)
        return self._replace(kind, old, patched, subresource, call, typed=False)

    def delete(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        *,
        grace: int | None = None,
        uid: str | None = None,
        propagation: Literal["Background", "Foreground", "Orphan"] | None = None,
        version: str | None = None,
        call: Call = SYSTEM,
    ) -> Obj:
        return self.delete_object(
            resource,
            namespace,
            name,
            grace=grace,
            uid=uid,
            propagation=propagation,
            version=version,
            call=call,
        )[0]

    def delete_object(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        *,
        grace: int | None = None,
        uid: str | None = None,
        version: str | None = None,
        propagation: Literal["Background", "Foreground", "Orphan"] | None = None,
        call: Call = SYSTEM,
    ) -> tuple[Obj, bool]:
        """Like `delete`, and whether the object is gone now; `version` is a precondition too."""
        old = self.get(resource, namespace, name)
        _check_preconditions(resource, old, uid, version)
        self.chain.delete(Request(self, self.kinds.of(resource), old, old, call))
        decision = deletion.decide(
            resource, old, grace=grace, propagation=propagation, now=self.clock.now()
        )
        if call.dry_run:
            return decision.obj, decision.remove
        table = self.table(resource)
        if decision.remove:
            return self.store.remove(table.resource, (namespace, name), decision.obj), True
        if decision.obj is old:
            return old, False
        fresh = {**decision.obj, "metadata": dict(decision.obj["metadata"])}
        return self.store.put(table.resource, fresh).obj, False

    def event(
        self,
        about: Obj,
        *,
        type: Literal["Normal", "Warning"],
        reason: str,
        message: str,
        component: str,
    ) -> None:
        self._recorder.record(about, type, reason, message, component)

    def subresource(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: Obj,
        subresource: str,
        call: Call,
    ) -> Obj:
        """A Scale, Binding or Eviction; the URL says for which object, not the body."""
        return self._subresources.write(resource, namespace, name, body, subresource, call)

    # -- inside ----------------------------------------------------------------------------------

    def replace(
        self, resource: Resource, old: Obj, obj: Obj, call: Call, subresource: str = ""
    ) -> Obj:
        """Finish an update whose new state the caller owns; for subresources and apply."""
        return self._replace(self.kinds.of(resource), old, obj, subresource, call)

    def _counts(self, kind: Kind) -> bool:
        resource = kind.resource
        return not kind.model or (resource.group, resource.plural) in metadata.GENERATION

    def _initial_status(self, kind: Kind, obj: Obj) -> None:
        """A client's status is dropped at creation, except where the strategy keeps it."""
        if (kind.resource.group, kind.resource.plural) in (("", "nodes"),):
            return
        obj.pop("status", None)
        if kind.model:
            obj["status"] = {}

    def _replace(
        self,
        kind: Kind,
        old: Obj,
        obj: Obj,
        subresource: str,
        call: Call,
        typed: bool = True,
    ) -> Obj:
        resource = kind.resource
        metadata.prepare_update(resource, obj, old, counted=False)
        obj = _separate(kind, old, obj, subresource)
        request = Request(self, kind, obj, old, call, subresource)
        self.chain.update(request)
        obj = request.obj
        if not subresource:
            metadata.prepare_update(resource, obj, old, counted=self._counts(kind))
        if obj == old:
            return old
        self.chain.track(request)
        if call.dry_run:
            return obj
        table = self.table(resource)
        if deletion.finished(resource, obj):
            key = (obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
            return self.store.remove(table.resource, key, obj)
        self.chain.committed(request)
        return self.store.put(table.resource, obj).obj


def _controlled_by(obj: Obj, uid: str) -> bool:
    return any(
        reference.get("uid") == uid and reference.get("controller")
        for reference in obj["metadata"].get("ownerReferences") or ()
    )


def _separate(kind: Kind, old: Obj, obj: Obj, subresource: str) -> Obj:
    """Only the part that this door may write comes from the new object."""
    if subresource == "status":
        metadata_ = {**old["metadata"]}
        if kind.model:
            given = obj["metadata"]
            for field in _STATUS_METADATA:
                if field in given:
                    metadata_[field] = given[field]
        out = {**old, "metadata": metadata_}
        out.pop("status", None)
        if obj.get("status") is not None:
            out["status"] = obj["status"]
        return out
    if subresource == "finalize":
        spec = {**(old.get("spec") or {})}
        spec["finalizers"] = (obj.get("spec") or {}).get("finalizers") or []
        return {**old, "metadata": obj["metadata"], "spec": spec}
    if not subresource and "status" in kind.subresources:
        obj.pop("status", None)
        if "status" in old:
            obj["status"] = old["status"]
    return obj


def _check_preconditions(
    resource: Resource, obj: Obj, uid: str | None, version: str | None
) -> None:
    about = obj["metadata"]
    if uid is not None and uid != about["uid"]:
        raise errors.conflict(
            resource,
            about["name"],
            f"Precondition failed: UID in precondition: {uid}, UID in object meta: {about['uid']}",
        )
    if version is not None and version != about["resourceVersion"]:
        raise errors.conflict(
            resource,
            about["name"],
            f"Precondition failed: ResourceVersion in precondition: {version}, ResourceVersion in"
            f" object meta: {about['resourceVersion']}",
        )
