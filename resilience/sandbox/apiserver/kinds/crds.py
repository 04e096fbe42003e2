"""CustomResourceDefinitions: they become served kinds, with schema, columns and subresources.

Source: k8s.io/apiextensions-apiserver. A definition is served as soon as it is committed; its
conditions are written right after. The finalizer of a deleted definition keeps it until its objects
are gone. Versions share one storage: see `custom_versions`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from resilience.sandbox.apiserver.custom.custom_definition import Custom, selectable
from resilience.sandbox.apiserver.custom.definition_rules import FINALIZER
from resilience.sandbox.apiserver.validation.admission_request import Request
from resilience.sandbox.host.sandbox_clock import stamp
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.api import ApiError, Change, Obj, Resource
from resilience.sandbox.kube.version_order import priority
from resilience.sandbox.schema import cel, rules, strict, structural
from resilience.sandbox.schema.facts import Kind

if TYPE_CHECKING:
    from resilience.sandbox.apiserver.registry.registry import Registry


def schema_key(resource: Resource) -> str:
    """Finds a version's schema."""
    return f"{resource.plural}.{resource.group}/{resource.version}"


class Definitions:
    """Follows the definitions in the store."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._resource = registry.resource("customresourcedefinitions", "apiextensions.k8s.io")
        self._versions: dict[str, Mapping[str, Any]] = {}
        self._customs: dict[tuple[str, str], Custom] = {}
        self._epoch = 0
        self.changed: list[Callable[[Resource], None]] = []
        """Called with a resource whose definition has changed or is gone."""
        self._followed: set[tuple[str, str]] = set()
        self._ruled: set[str] = set()
        registry.subscribe(self._resource, self._changed)

    def version(self, resource: Resource) -> Mapping[str, Any] | None:
        """The definition of one version of a custom resource."""
        return self._versions.get(schema_key(resource))

    def find(self, resource: Resource) -> Custom | None:
        """The definition behind a resource; None for a built-in kind."""
        return self._customs.get((resource.group, resource.plural))

    def selectable(self, resource: Resource) -> frozenset[str] | None:
        """The fields that selectors may name besides the common ones; None for a built-in kind."""
        version = self.version(resource)
        return None if version is None else selectable(version)

    def check(self, request: Request) -> None:
        """Prune, default and validate a custom object; ApiError 400 (strict) or 422."""
        custom = self.find(request.resource)
        version = request.obj.get("apiVersion") or request.resource.api_version
        schema = custom.schema(version) if custom is not None else None
        if schema is None:
            return
        dropped = structural.prune(schema, request.obj)
        structural.default(schema, request.obj)
        complaints = [f'unknown field "{path}"' for path in dropped]
        strict.report(request.obj, request.call, complaints)
        causes = structural.validate(schema, request.obj)
        if not causes and schema_key(request.resource) in self._ruled:
            causes = rules.check(schema, request.obj, request.old)
        if causes:
            raise refusals.invalid(request.resource, request.name, causes)

    def _changed(self, change: Change) -> None:
        if change.type == "DELETED":
            self._withdraw(change.obj)
            self._tell(change.obj)
            return
        if "deletionTimestamp" in change.obj["metadata"]:
            self._clean(change.obj)
            return
        if change.old is None or change.old["spec"] != change.obj["spec"]:
            self._serve(change.obj)
            self._tell(change.obj)
        self._establish(change.obj)

    def _tell(self, crd: Obj) -> None:
        spec = crd["spec"]
        resource = Resource(spec["group"], "", spec["names"]["plural"], "", False)
        for each in self.changed:
            each(resource)

    def _serve(self, crd: Obj) -> None:
        spec = crd["spec"]
        self._withdraw(crd)
        self._epoch += 1
        self._customs[(spec["group"], spec["names"]["plural"])] = Custom.of(crd, self._epoch)
        for version in sorted(spec["versions"], key=lambda each: priority(each["name"])):
            if version.get("served"):
                self._serve_version(spec, version)
        if any(version.get("served") for version in spec["versions"]):
            resource = self._registry.resource(spec["names"]["plural"], spec["group"])
            self._registry.table(resource).resource = resource

    def _serve_version(self, spec: Mapping[str, Any], version: Mapping[str, Any]) -> None:
        names = spec["names"]
        resource = Resource(
            spec["group"],
            version["name"],
            names["plural"],
            names["kind"],
            spec["scope"] == "Namespaced",
        )
        self._registry.kinds.add(
            Kind(
                resource=resource,
                model="",
                subresources=frozenset(version.get("subresources") or ()),
                singular=names.get("singular") or names["kind"].lower(),
                short=tuple(names.get("shortNames") or ()),
                categories=tuple(names.get("categories") or ()),
            )
        )
        key = schema_key(resource)
        self._versions[key] = version
        schema = (version.get("schema") or {}).get("openAPIV3Schema")
        if schema is not None:
            self._ruled.discard(key)
            if rules.has_any(schema) and cel.is_installed():
                self._ruled.add(key)

    def _withdraw(self, crd: Obj) -> None:
        spec = crd["spec"]
        self._registry.kinds.remove(spec["group"], spec["names"]["plural"])
        self._customs.pop((spec["group"], spec["names"]["plural"]), None)
        about = f"{spec['names']['plural']}.{spec['group']}/"
        for key in [key for key in self._versions if key.startswith(about)]:
            del self._versions[key]

    def _establish(self, crd: Obj) -> None:
        """Status as the real controllers write it."""
        spec, before = crd["spec"], crd.get("status") or {}
        now = stamp(self._registry.clock.now())
        known = {entry.get("type"): entry for entry in before.get("conditions") or ()}
        fresh = [
            {
                "type": "NamesAccepted",
                "status": "True",
                "reason": "NoConflicts",
                "message": "no conflicts found",
                "lastTransitionTime": now,
            },
            {
                "type": "Established",
                "status": "True",
                "reason": "InitialNamesAccepted",
                "message": "the initial names have been accepted",
                "lastTransitionTime": now,
            },
        ]
        stored = [version["name"] for version in spec["versions"] if version.get("storage")]
        past = [name for name in before.get("storedVersions") or () if name not in stored]
        others = [
            entry for kind, entry in known.items() if kind not in {"NamesAccepted", "Established"}
        ]
        status = {
            "conditions": [*others, *(known.get(entry["type"], entry) for entry in fresh)],
            "acceptedNames": spec["names"],
            "storedVersions": [*past, *stored],
        }
        if before != status:
            self._registry.update(self._resource, {**crd, "status": status}, "status")

    def _clean(self, crd: Obj) -> None:
        """Delete the objects of a terminating definition; release it when none is left."""
        spec = crd["spec"]
        try:
            resource = self._registry.resource(spec["names"]["plural"], spec["group"])
        except KeyError:
            return
        key = (resource.group, resource.plural)
        if key not in self._followed:
            self._followed.add(key)
            self._registry.subscribe(resource, lambda change: self._one_less(crd, change))
        for obj in list(self._registry.list(resource)):
            metadata = obj["metadata"]
            if "deletionTimestamp" not in metadata:
                self._registry.delete(
                    resource,
                    metadata.get("namespace", ""),
                    metadata["name"],
                    propagation="Background",
                )
        self._release(crd["metadata"]["name"], resource)

    def _one_less(self, crd: Obj, change: Change) -> None:
        if change.type == "DELETED":
            self._release(crd["metadata"]["name"], change.resource)

    def _release(self, name: str, resource: Resource) -> None:
        crd = self._registry.find(self._resource, "", name)
        if crd is None or "deletionTimestamp" not in crd["metadata"]:
            return
        if self._registry.table(resource).records:
            return
        finalizers = [
            entry for entry in crd["metadata"].get("finalizers") or () if entry != FINALIZER
        ]
        try:
            self._registry.patch(
                self._resource, "", name, {"metadata": {"finalizers": finalizers or None}}
            )
        except ApiError as error:
            if error.code != 404:
                raise
