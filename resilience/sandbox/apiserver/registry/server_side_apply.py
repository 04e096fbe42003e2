"""Server-side apply: PATCH of type apply, and who owns what it sets.

Source: k8s.io/apimachinery/pkg/util/managedfields. A configuration takes over the fields that it
names; a field of another manager with another value is a conflict, unless the call forces it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from resilience.sandbox.apiserver.registry.managed_fields import (
    ManagedEntry,
    entries,
    store,
    writable_part,
)
from resilience.sandbox.apiserver.registry.metadata import check_names, mismatch
from resilience.sandbox.host.sandbox_clock import stamp
from resilience.sandbox.host.sandbox_config import Identity
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.api import ApiError, Obj
from resilience.sandbox.kube.call import Call
from resilience.sandbox.patch import apply, fieldset
from resilience.sandbox.patch.fieldset import Fields
from resilience.sandbox.schema import strict, structural
from resilience.sandbox.schema.facts import Kind, builtin
from resilience.sandbox.store.store import clone

if TYPE_CHECKING:
    from resilience.sandbox.apiserver.registry.registry import Registry


def serve_apply(
    registry: Registry,
    kind: Kind,
    namespace: str,
    name: str,
    config: Any,
    subresource: str,
    call: Call,
) -> Obj:
    """PATCH of type apply; ApiError 400, 404, 409 (conflicts), 422."""
    resource, facts = kind.resource, builtin()
    custom = registry.versions.find(resource)
    schema = None if custom is None else custom.schema(resource.api_version)
    config = _checked(kind, config, namespace, name, call, schema)
    found = registry.find(resource, namespace, name)
    live = None if found is None else registry.versions.shown(resource, found, call)
    if live is None and subresource:
        raise refusals.not_found(resource, name)
    door = "status" if subresource == "status" else ""
    wanted = writable_part(fieldset.of(facts, kind.model, config), door)
    now = stamp(registry.clock.now())
    me = ManagedEntry(call.manager, "Apply", resource.api_version, now, subresource, wanted)
    if live is None:
        if config["metadata"].get("uid"):
            raise refusals.conflict(
                resource,
                name,
                "uid mismatch: the provided object specified uid"
                f" {config['metadata']['uid']}, and no existing object was found",
            )
        return registry.create_applied(kind, config, me, call)
    known = entries(live)
    others = [entry for entry in known if entry.key != me.key]
    mine = next((entry for entry in known if entry.key == me.key), None)
    others = _contest(live, config, wanted, others, call)
    merged = apply.merge(facts, kind.model, live, _only(config, door))
    if mine is not None:
        gone = apply.given_up(mine.fields, wanted, [entry.fields for entry in others])
        merged = apply.remove(merged, gone)
        if mine.fields == wanted:
            me = mine
    fresh = clone(merged)
    fresh["metadata"]["resourceVersion"] = config["metadata"].get("resourceVersion", "")
    store(fresh, [*others, me])
    return registry.replace_applied(kind, live, fresh, subresource, call)


def _checked(
    kind: Kind,
    patch: Any,
    namespace: str,
    name: str,
    call: Call,
    schema: Mapping[str, Any] | None,
) -> Obj:
    if not isinstance(patch, dict):
        raise refusals.bad_request("an apply patch must be an object")
    resource = kind.resource
    config: Obj = clone(patch)
    if config.get("apiVersion") != resource.api_version or config.get("kind") != resource.kind:
        raise refusals.bad_request(
            f"invalid object type: {config.get('apiVersion', '')}, Kind={config.get('kind', '')}"
        )
    _declared(kind, config, schema)
    strict.check(kind.model, config, call)
    check_names(resource, config, namespace, name)
    if config["metadata"].get("managedFields"):
        raise refusals.bad_request("metadata.managedFields must be nil")
    if config["metadata"].get("name") != name:
        raise mismatch("name", str(config["metadata"].get("name")), name)
    return config


def _declared(kind: Kind, config: Obj, schema: Mapping[str, Any] | None) -> None:
    """An apply refuses unknown fields under any fieldValidation, with a 500."""
    asked = Call(user=Identity(""), validation="Warn")
    strict.check(kind.model, clone(config), asked)
    unknown = [text.partition('"')[2].rstrip('"') for text in asked.warnings]
    if schema is not None:
        unknown += structural.prune(schema, clone(config))
    if unknown:
        path = unknown[0]
        about = config.get("metadata") or {}
        raise ApiError(
            500,
            "",
            f"failed to create typed patch object ({about.get('namespace', '')}/"
            f"{about.get('name', '')}; {kind.resource.api_version}, Kind={kind.resource.kind}):"
            f" .{path}: field not declared in schema",
        )


def _only(config: Obj, door: str) -> Obj:
    """The part of a configuration that this subresource may write; the identity is that of the live
    object."""
    metadata = {
        field: value
        for field, value in config["metadata"].items()
        if field in ("labels", "annotations", "finalizers", "ownerReferences")
    }
    out = {
        field: value
        for field, value in config.items()
        if field not in ("metadata", "apiVersion", "kind")
        and (field == "status") == (door == "status")
    }
    return {**out, "metadata": metadata}


def _contest(
    live: Obj, config: Obj, wanted: Fields, others: Sequence[ManagedEntry], call: Call
) -> list[ManagedEntry]:
    """Take fields from other managers by force, or report their owners; ApiError 409."""
    out, conflicts = [], []
    for entry in others:
        shared = apply.differing(live, config, sorted(wanted & entry.fields))
        if shared and call.force:
            entry = replace(entry, fields=entry.fields - frozenset(shared))
        elif shared:
            conflicts.append((entry, [fieldset.text(path) for path in shared]))
        out.append(entry)
    if conflicts:
        raise _conflict(conflicts)
    return out


def _conflict(conflicts: Sequence[tuple[ManagedEntry, list[str]]]) -> ApiError:
    total = sum(len(paths) for _, paths in conflicts)
    lines, causes = [], []
    for entry, paths in conflicts:
        whose = f'with "{entry.manager}"'
        if entry.subresource:
            whose += f' with subresource "{entry.subresource}"'
        whose += f" using {entry.api_version}"
        if len(paths) == 1:
            lines.append(f"conflict {whose}: {paths[0]}")
        else:
            lines.append(f"conflicts {whose}:" + "".join(f"\n- {path}" for path in paths))
        causes += [
            {"reason": "FieldManagerConflict", "message": f"conflict {whose}", "field": path}
            for path in paths
        ]
    word = "conflict" if total == 1 else "conflicts"
    return ApiError(
        409,
        "Conflict",
        f"Apply failed with {total} {word}: " + "\n".join(lines),
        details={"causes": causes},
    )
