"""The garbage collector: dependents follow their owners, in three ways (rules 3.11).

Background: the owner is gone, dependents follow. Foreground: the owner waits, with its finalizer,
for the dependents that block it. Orphan: dependents lose the reference and stay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from resilience.sandbox.controllers.lifecycle.all_kinds import AllKinds
from resilience.sandbox.controllers.lifecycle.garbage_plan import (
    FOREGROUND,
    ORPHAN,
    GarbageVerdict,
    OwnerState,
    Reference,
    blocks,
    judge,
    owner_state,
)
from resilience.sandbox.controllers.podsets.adoption import release
from resilience.sandbox.kube.api import ApiError, Change, Obj, Resource
from resilience.sandbox.kube.object_edits import finalizers_of, is_deleting, key_of, uid_of
from resilience.sandbox.kube.selector_index import Key
from resilience.sandbox.reconcile.controller_context import Context, Controller

GONE = frozenset({404, 409, 422})
"""The object was removed or replaced meanwhile."""


class GarbageCollector(Controller):
    """Its keys are (kind and namespace, name): it handles objects of all kinds."""

    name = "garbage-collector-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.kinds = AllKinds(context, self._changed)

    def start(self) -> None:
        """Watch every kind."""
        self.kinds.start()

    def reconcile(self, key: Key) -> float | None:
        """One object, as owner in deletion and as dependent."""
        resource, namespace = self._unpack(key[0])
        obj = self.api.find(resource, namespace, key[1])
        if obj is None:
            return None
        if is_deleting(obj):
            if ORPHAN in finalizers_of(obj):
                return self._orphan(resource, obj)
            if FOREGROUND in finalizers_of(obj):
                return self._delete_dependents_first(resource, obj)
            return None
        self._collect(resource, obj)
        return None

    def _changed(self, change: Change) -> None:
        obj = change.obj
        if change.type == "DELETED":
            for resource, dependent in self.api.dependents(uid_of(obj)):
                self._enqueue(resource, dependent)
            self._enqueue_owners(obj)
            return
        waits = is_deleting(obj) and {ORPHAN, FOREGROUND} & set(finalizers_of(obj))
        if waits or self._looks_orphaned(change):
            self._enqueue(change.resource, obj)
        elif change.old is not None and self._let_go(change.old, obj):
            self._enqueue_owners(change.old)

    def _looks_orphaned(self, change: Change) -> bool:
        """Whether references are new and some of their owners are missing."""
        references = change.obj["metadata"].get("ownerReferences")
        if not references or is_deleting(change.obj):
            return False
        if change.old is not None and change.old["metadata"].get("ownerReferences") == references:
            return False
        states = [self._state(change.obj, reference) for reference in references]
        return any(state is not OwnerState.SOLID for state in states)

    def _let_go(self, old: Obj, new: Obj) -> bool:
        before = old["metadata"].get("ownerReferences")
        return bool(before) and before != new["metadata"].get("ownerReferences")

    def _enqueue(self, resource: Resource, obj: Obj) -> None:
        namespace, name = key_of(obj)
        self.enqueue((f"{resource.plural} {resource.group} {namespace}", name))

    def _enqueue_owners(self, dependent: Obj) -> None:
        """Owners that waited for this object may continue now."""
        for reference in dependent["metadata"].get("ownerReferences") or ():
            if self._state(dependent, reference) is OwnerState.WAITING:
                found = self._resource(reference)
                owner = self._owner(dependent, reference)
                if found is not None and owner is not None:
                    self._enqueue(found, owner)

    def _unpack(self, text: str) -> tuple[Resource, str]:
        plural, group, namespace = text.split(" ")
        return self.context.kind(plural, group), namespace

    def _resource(self, reference: Reference) -> Resource | None:
        return self.kinds.by_kind(reference["apiVersion"], reference["kind"])

    def _owner(self, dependent: Obj, reference: Reference) -> Obj | None:
        resource = self._resource(reference)
        if resource is None:
            return None
        namespace = dependent["metadata"].get("namespace", "") if resource.namespaced else ""
        return self.api.find(resource, namespace, reference["name"])

    def _state(self, dependent: Obj, reference: Reference) -> OwnerState:
        if self._resource(reference) is None:
            # An owner of an unserved kind cannot be looked up: never delete because of that.
            return OwnerState.SOLID
        return owner_state(self._owner(dependent, reference), reference["uid"])

    def _collect(self, resource: Resource, obj: Obj) -> None:
        references = obj["metadata"].get("ownerReferences") or ()
        states = [self._state(obj, reference) for reference in references]
        garbage = judge(references, states)
        if garbage.verdict is GarbageVerdict.TRIM:
            patch = {"metadata": {"uid": uid_of(obj), "ownerReferences": list(garbage.keep)}}
            self._quietly(lambda: self.api.patch(resource, *key_of(obj), patch))
        elif garbage.verdict is GarbageVerdict.DELETE:
            self._warn_of_namespace(obj, references)
            foreground = OwnerState.WAITING in states and bool(list(self._blocking(obj)))
            self._delete(resource, obj, "Foreground" if foreground else "Background")

    def _warn_of_namespace(self, obj: Obj, references: Sequence[Reference]) -> None:
        """An owner in another namespace counts as missing; an Event explains why."""
        for reference in references:
            resource = self._resource(reference)
            if resource is None or not resource.namespaced:
                continue
            for other in self.api.list(resource):
                if uid_of(other) == reference["uid"] and key_of(other)[0] != key_of(obj)[0]:
                    text = (
                        f"ownerRef [{reference['apiVersion']}/{reference['kind']}, namespace: "
                        f"{key_of(obj)[0]}, name: {reference['name']}, uid: {reference['uid']}]"
                        f' does not exist in namespace "{key_of(obj)[0]}"'
                    )
                    self.event(obj, "OwnerRefInvalidNamespace", text, warning=True)

    def _delete_dependents_first(self, resource: Resource, owner: Obj) -> float | None:
        uid = uid_of(owner)
        blocked = False
        for kind, dependent in list(self.api.dependents(uid)):
            blocked = blocked or blocks(dependent, uid)
            if not is_deleting(dependent):
                if self.context.runner.exhausted():
                    return 0
                self._collect(kind, dependent)
        if not blocked or not any(blocks(d, uid) for _, d in self.api.dependents(uid)):
            self._drop_finalizer(resource, owner, FOREGROUND)
        return None

    def _blocking(self, owner: Obj) -> list[Obj]:
        uid = uid_of(owner)
        return [d for _, d in self.api.dependents(uid) if blocks(d, uid) and not is_deleting(d)]

    def _orphan(self, resource: Resource, owner: Obj) -> float | None:
        for kind, dependent in list(self.api.dependents(uid_of(owner))):
            if self.context.runner.exhausted():
                return 0
            release(self.api, kind, dependent, uid_of(owner))
        self._drop_finalizer(resource, owner, ORPHAN)
        return None

    def _delete(
        self, resource: Resource, obj: Obj, policy: Literal["Background", "Foreground"]
    ) -> None:
        finalizers = finalizers_of(obj)
        chosen: Literal["Background", "Foreground", "Orphan"] = policy
        if ORPHAN in finalizers:
            chosen = "Orphan"
        elif FOREGROUND in finalizers:
            chosen = "Foreground"
        self._quietly(
            lambda: self.api.delete(resource, *key_of(obj), uid=uid_of(obj), propagation=chosen)
        )

    def _drop_finalizer(self, resource: Resource, obj: Obj, finalizer: str) -> None:
        left = [entry for entry in finalizers_of(obj) if entry != finalizer]
        patch = {"metadata": {"uid": uid_of(obj), "finalizers": left or None}}
        self._quietly(lambda: self.api.patch(resource, *key_of(obj), patch))

    def _quietly(self, write: Callable[[], object]) -> None:
        try:
            write()
        except ApiError as error:
            if error.code not in GONE:
                raise
