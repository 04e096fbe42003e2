"""The registry: Kubernetes' generic rules between a request and the store; the in-process `Api`.

Every write, a client's or a controller's, passes through here: names, versions, status separation,
generation, admission, no-op detection, finalizers, deletion. The HTTP layer calls the same methods
with its own `Call`. Source of the rules: k8s.io/apiserver/pkg/registry/{rest,generic/registry}. Not
here: per-kind rules (admission), subresources with their own rules (`subresources.py`).
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

from resilience.sandbox.apiserver.admission import pod_updates
from resilience.sandbox.apiserver.admission.chain import Chain
from resilience.sandbox.apiserver.admission.defaults import STATUS
from resilience.sandbox.apiserver.custom.converter import Converter
from resilience.sandbox.apiserver.custom.custom_versions import CustomVersions
from resilience.sandbox.apiserver.kinds.served_kinds import Kinds
from resilience.sandbox.apiserver.registry import deletion, managed_fields, metadata, patching
from resilience.sandbox.apiserver.registry.reader import Reader
from resilience.sandbox.apiserver.registry.server_events import Recorder
from resilience.sandbox.apiserver.registry.server_side_apply import serve_apply
from resilience.sandbox.apiserver.registry.subresources import Subresources, scale_of
from resilience.sandbox.apiserver.tables import render
from resilience.sandbox.apiserver.tables.render import Printer
from resilience.sandbox.apiserver.validation.admission_request import Request
from resilience.sandbox.host.own_image import OwnImage
from resilience.sandbox.host.sandbox_clock import stamp
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.api import (
    ApiError,
    Clock,
    Obj,
    PatchType,
    Resource,
    Subresource,
)
from resilience.sandbox.kube.call import SYSTEM, Call
from resilience.sandbox.schema.facts import Kind, builtin
from resilience.sandbox.store.store import Store, clone

_STATUS_METADATA = ("labels", "annotations", "finalizers", "managedFields", "ownerReferences")
"""What a write to `/status` may change beside the status, as the built-in strategies allow."""


class Registry(Reader):
    """Implements `resilience.sandbox.kube.api.Api`; see the module."""

    def __init__(
        self,
        clock: Clock,
        *,
        network: str = "127.20",
        store: Store | None = None,
        chance: random.Random | None = None,
        ids: Callable[[], str] = lambda: str(uuid.uuid4()),
        images: Sequence[OwnImage] = (),
    ) -> None:
        self.clock = clock
        super().__init__(store or Store(), Kinds(builtin().kinds))
        self.chance = chance or random.Random()
        self._ids = ids
        self.chain = Chain(self, network, images)
        self.versions = CustomVersions(
            self.chain.definitions.find, Converter(self.chain.hooks.caller)
        )
        self.recorder = Recorder(self)
        self._subresources = Subresources(self)
        self._fields = managed_fields.Memory()

    # -- writing ---------------------------------------------------------------------------------

    def create(self, resource: Resource, obj: Obj, *, call: Call = SYSTEM) -> Obj:
        return self._create(self._kind(resource), clone(obj), call, None)

    def create_applied(
        self, kind: Kind, config: Obj, entry: managed_fields.ManagedEntry, call: Call
    ) -> Obj:
        """Create what a first apply describes; the manager owns exactly those fields."""
        return self._create(kind, config, call, entry)

    def _create(
        self, kind: Kind, obj: Obj, call: Call, entry: managed_fields.ManagedEntry | None
    ) -> Obj:
        resource = kind.resource
        obj = {"apiVersion": "", "kind": "", **obj}
        version = obj["metadata"].get("resourceVersion")
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
        key = (obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
        there = key in self.table(resource).records
        # Admission comes before the name is looked up (registry/generic/registry/store.go), so a
        # quota or a webhook also refuses a name that already exists.
        asked = replace(call, dry_run=True) if there else call
        request = Request(self, kind, obj, None, asked)
        self.chain.early(request)
        self.chain.create(request)
        if entry is None and version not in (None, "", "0"):
            raise refusals.versioned_create()
        if there:
            raise refusals.already_exists(resource, key[1])
        obj = request.obj
        if entry is not None:
            managed_fields.store(obj, [entry])
        else:
            managed_fields.track(request, self.clock.now(), self._fields)
        return self._put(resource, obj, call)

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
        kind = self._kind(resource)
        old = self.current(kind.resource, namespace, name, call)
        return self._replace(kind, old, clone(obj), subresource, call)

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
        kind = self._kind(resource)
        resource = kind.resource
        if subresource == "scale":
            return self._subresources.patch_scale(kind, namespace, name, patch, type, call)
        if type == "apply":
            return serve_apply(self, kind, namespace, name, patch, subresource, call)
        old = self.current(resource, namespace, name, call)
        patched = patching.patched(kind, old, patch, type)
        metadata.check_names(resource, patched, namespace, name)
        if call.validation:
            patching.checked(kind, patched, call)
        return self._replace(kind, old, patched, subresource, call)

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
        """Like `delete`, and whether the object is gone now; `version` is a precondition as
        well."""
        old = self.current(resource, namespace, name, call)
        _check_preconditions(resource, old, uid, version)
        self.chain.delete(Request(self, self.kinds.of(resource), old, old, call))
        decision = deletion.decide(
            resource, old, grace=grace, propagation=propagation, now=self.clock.now()
        )
        if call.dry_run:
            return decision.obj, decision.remove
        if decision.remove:
            return self._drop(resource, decision.obj, call), True
        if decision.obj is old:
            return old, False
        fresh = {**decision.obj, "metadata": dict(decision.obj["metadata"])}
        return self._put(resource, fresh, call), False

    def event(
        self,
        about: Obj,
        *,
        type: Literal["Normal", "Warning"],
        reason: str,
        message: str,
        component: str,
    ) -> None:
        self.recorder.record(about, type, reason, message, component)

    def subresource(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: Obj,
        subresource: str,
        call: Call,
    ) -> Obj:
        """A Scale, Binding or Eviction; the URL names the object, not the body."""
        return self._subresources.write(resource, namespace, name, body, subresource, call)

    def scale(self, resource: Resource, obj: Obj) -> Obj:
        """The Scale of an object."""
        return scale_of(obj, self._subresources.paths(resource))

    def printer(self, resource: Resource) -> Printer:
        """The table form of a resource."""
        return render.printer(resource, self.chain.definitions.version(resource))

    def current(self, resource: Resource, namespace: str, name: str, call: Call) -> Obj:
        """A stored object as a request to this version of its kind sees it; ApiError 404."""
        return self.versions.shown(resource, self.get(resource, namespace, name), call)

    # -- inside ----------------------------------------------------------------------------------

    def replace(
        self, resource: Resource, old: Obj, obj: Obj, call: Call, subresource: str = ""
    ) -> Obj:
        """Finish an update whose new state the caller owns; for subresources and apply."""
        return self._replace(self.kinds.of(resource), old, obj, subresource, call)

    def replace_applied(self, kind: Kind, old: Obj, obj: Obj, subresource: str, call: Call) -> Obj:
        """Finish an apply whose ownership is already computed."""
        return self._replace(kind, old, obj, subresource, call, applied=True)

    def _kind(self, resource: Resource) -> Kind:
        """The kind whose rules apply to a write, which is the stored kind."""
        group, plural = self.kinds.storage(resource)
        if (group, plural) != (resource.group, resource.plural):
            return self.kinds.preferred(group, plural)
        return self.kinds.of(resource)

    def _counts(self, kind: Kind) -> bool:
        resource = kind.resource
        return not kind.model or (resource.group, resource.plural) in metadata.GENERATION

    def _initial_status(self, kind: Kind, obj: Obj) -> None:
        """A client's status is dropped at creation, unless the strategy keeps it."""
        if (kind.resource.group, kind.resource.plural) in (("", "nodes"),):
            return
        obj.pop("status", None)
        if kind.model:
            key = (kind.resource.group, kind.resource.plural)
            obj["status"] = dict(STATUS.get(key, {}))

    def _replace(
        self,
        kind: Kind,
        old: Obj,
        obj: Obj,
        subresource: str,
        call: Call,
        *,
        applied: bool = False,
    ) -> Obj:
        resource = kind.resource
        metadata.prepare_update(resource, obj, old, counted=False)
        obj = _separate(kind, old, obj, subresource)
        request = Request(self, kind, obj, old, call, subresource)
        self.chain.update(request)
        obj = request.obj
        if subresource in ("", "scale", *pod_updates.DOORS):
            metadata.prepare_update(resource, obj, old, counted=self._counts(kind))
        if obj == old and self._is_stored(kind, obj, call):
            return old
        if not applied:
            managed_fields.track(request, self.clock.now(), self._fields)
        if not call.dry_run and deletion.finished(resource, obj):
            return self._drop(resource, obj, call)
        return self._put(resource, obj, call, new=False)

    def _is_stored(self, kind: Kind, obj: Obj, call: Call) -> bool:
        """Whether a write would change nothing; an object stored in an old version is stored
        again."""
        if kind.model:
            return True
        stored = self.get(kind.resource, *_key(obj))
        return self.versions.encoded(kind.resource, obj, call) == stored

    def _put(self, resource: Resource, obj: Obj, call: Call, *, new: bool = True) -> Obj:
        """Store an object in its storage version; return it as the request sees it."""
        stored = self.versions.encoded(resource, obj, call)
        answer = self.versions.answer(resource, stored, call)
        if call.dry_run:
            if new:
                answer["metadata"].pop("resourceVersion", None)
            return answer
        made = self.store.put(self.table(resource).resource, stored).obj
        return made if answer is stored else _at_version_of(made, answer)

    def _drop(self, resource: Resource, obj: Obj, call: Call) -> Obj:
        """Remove an object whose last state is given; return it as the request sees it."""
        stored = self.versions.encoded(resource, obj, call)
        gone = self.store.remove(self.table(resource).resource, _key(obj), stored)
        return gone if stored is obj else _at_version_of(gone, obj)


def _key(obj: Obj) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _at_version_of(stored: Obj, answer: Obj) -> Obj:
    version = stored["metadata"]["resourceVersion"]
    return {**answer, "metadata": {**answer["metadata"], "resourceVersion": version}}


def _separate(kind: Kind, old: Obj, obj: Obj, subresource: str) -> Obj:
    """Only the part that this subresource may write is taken from the new object."""
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
    if subresource in pod_updates.DOORS:
        return pod_updates.separate(old, obj, subresource)
    if subresource in ("", "scale") and "status" in kind.subresources:
        obj.pop("status", None)
        if "status" in old:
            obj["status"] = old["status"]
    return obj


def _check_preconditions(
    resource: Resource, obj: Obj, uid: str | None, version: str | None
) -> None:
    about = obj["metadata"]
    if uid is not None and uid != about["uid"]:
        raise _unmet(
            resource,
            about["name"],
            f"the UID in the precondition ({uid}) does not match the UID in record"
            f" ({about['uid']}). The object might have been deleted and then recreated",
        )
    if version is not None and version != about["resourceVersion"]:
        raise _unmet(
            resource,
            about["name"],
            f"the ResourceVersion in the precondition ({version}) does not match the"
            f" ResourceVersion in record ({about['resourceVersion']}). The object might have been"
            " modified",
        )


def _unmet(resource: Resource, name: str, why: str) -> ApiError:
    """A failed precondition names the kind, not the resource."""
    kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    details = {"name": name, "group": resource.group, "kind": resource.kind}
    return ApiError(
        409,
        "Conflict",
        f'Operation cannot be fulfilled on {kind} "{name}": {why}',
        details={key: value for key, value in details.items() if value},
    )
