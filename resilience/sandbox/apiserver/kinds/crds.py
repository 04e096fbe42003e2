"""CustomResourceDefinitions: they become served kinds, with schema, columns and subresources.

Source: k8s.io/apiextensions-apiserver. A definition is served as soon as it is committed; its
conditions are written right after. A deleted definition waits, held by its finalizer, until its
objects are gone. Versions share one storage; conversion is None (apiVersion is rewritten).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from resilience.sandbox.apiserver.validation.admission_request import Request
from resilience.sandbox.host.sandbox_clock import stamp
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.api import ApiError, Change, Obj, Resource
from resilience.sandbox.schema import cel, rule_definitions, rules, strict, structural
from resilience.sandbox.schema.facts import Kind
from resilience.sandbox.store.store import clone

if TYPE_CHECKING:
    from resilience.sandbox.apiserver.registry.registry import Registry

FINALIZER = "customresourcecleanup.apiextensions.k8s.io"


def schema_key(resource: Resource) -> str:
    """Finds a version's schema."""
    return f"{resource.plural}.{resource.group}/{resource.version}"


class Definitions:
    """Follows the definitions in the store."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._resource = registry.resource("customresourcedefinitions", "apiextensions.k8s.io")
        self._versions: dict[str, Mapping[str, Any]] = {}
        self._followed: set[tuple[str, str]] = set()
        self.schemas: dict[str, Any] = {}
        self._ruled: set[str] = set()
        registry.subscribe(self._resource, self._changed)

    def version(self, resource: Resource) -> Mapping[str, Any] | None:
        """The definition of one version of a custom resource."""
        return self._versions.get(schema_key(resource))

    def check(self, request: Request) -> None:
        """Prune, default and validate a custom object; ApiError 400 (strict) or 422."""
        schema = self.schemas.get(schema_key(request.resource))
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
            return
        if "deletionTimestamp" in change.obj["metadata"]:
            self._clean(change.obj)
            return
        self._serve(change.obj)
        self._establish(change.obj)

    def _serve(self, crd: Obj) -> None:
        spec = crd["spec"]
        self._withdraw(crd)
        names = spec["names"]
        for version in spec["versions"]:
            if not version.get("served"):
                continue
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
                self.schemas[key] = schema
                self._ruled.discard(key)
                if rules.has_any(schema) and cel.is_installed():
                    self._ruled.add(key)

    def _withdraw(self, crd: Obj) -> None:
        spec = crd["spec"]
        self._registry.kinds.remove(spec["group"], spec["names"]["plural"])
        about = f"{spec['names']['plural']}.{spec['group']}/"
        for table in (self._versions, self.schemas):
            for key in [key for key in table if key.startswith(about)]:
                del table[key]

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


def prepare(request: Request) -> None:
    """Check a definition and add its finalizer; ApiError 422."""
    spec = request.obj.get("spec") or {}
    causes = [*_names(request, spec), *_versions(spec.get("versions") or ())]
    if causes:
        raise refusals.invalid(request.resource, request.name, causes)
    schemas = [(v.get("schema") or {}).get("openAPIV3Schema") for v in spec["versions"]]
    if not cel.is_installed() and any(rules.has_any(schema) for schema in schemas):
        request.call.warnings.append(cel.MISSING)
    if request.old is None:
        finalizers = request.obj["metadata"].setdefault("finalizers", [])
        if FINALIZER not in finalizers:
            finalizers.append(FINALIZER)


def _names(request: Request, spec: Mapping[str, Any]) -> list[refusals.Cause]:
    names = spec.get("names") or {}
    wanted = f"{names.get('plural', '')}.{spec.get('group', '')}"
    causes = []
    if request.name != wanted:
        causes.append(
            refusals.value_invalid(
                "metadata.name", request.name, 'must be spec.names.plural+"."+spec.group'
            )
        )
    for field in ("plural", "kind"):
        if not names.get(field):
            causes.append(refusals.value_required(f"spec.names.{field}"))
    if not spec.get("group"):
        causes.append(refusals.value_required("spec.group"))
    elif "." not in spec["group"]:
        causes.append(
            refusals.value_invalid(
                "spec.group", spec["group"], "should be a domain with at least one dot"
            )
        )
    if spec.get("scope") not in ("Namespaced", "Cluster"):
        causes.append(
            refusals.value_unsupported(
                "spec.scope", spec.get("scope") or "", ["Cluster", "Namespaced"]
            )
        )
    return causes


def _versions(versions: Sequence[Mapping[str, Any]]) -> list[refusals.Cause]:
    causes = []
    if sum(1 for version in versions if version.get("storage")) != 1:
        causes.append(
            refusals.value_invalid(
                "spec.versions",
                clone(list(versions)),
                "must have exactly one version marked as storage version",
            )
        )
    for where, schema in _schemas(versions):
        if schema is None:
            causes.append(refusals.value_required(where))
        elif schema.get("type") != "object":
            causes.append(
                refusals.value_invalid(
                    f"{where}.type", schema.get("type") or "", "must be object at the root"
                )
            )
        else:
            causes += rule_definitions.check(schema, where)
    return causes


def _schemas(versions: Sequence[Mapping[str, Any]]) -> list[tuple[str, Any]]:
    """Each schema with its place; one that all versions share is stored, and checked, once for
    all."""
    found = [(version.get("schema") or {}).get("openAPIV3Schema") for version in versions]
    if found and found[0] is not None and all(schema == found[0] for schema in found):
        return [("spec.validation.openAPIV3Schema", found[0])]
    return [
        (f"spec.versions[{at}].schema.openAPIV3Schema", schema) for at, schema in enumerate(found)
    ]
