"""The two subresources through which a running Pod's containers may change: debugging and resizing.

Sources: pkg/registry/core/pod/strategy.go, pkg/apis/core/validation (ValidateEphemeralContainers,
ValidatePodResize), plugin/pkg/admission/podresize. `ephemeralcontainers` adds containers and never
removes one; `resize` changes cpu and memory, never the Pod's QoS class, and within what its node
has. Neither changes metadata. A plain update does neither.
"""

from __future__ import annotations

from typing import Any

from resilience.sandbox.apiserver.admission.pod_plugins import qos_class
from resilience.sandbox.apiserver.validation import pod_spec
from resilience.sandbox.apiserver.validation.admission_request import Request
from resilience.sandbox.apiserver.validation.core_rules import POD_MESSAGE
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.amounts import amount
from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.refusals import Cause
from resilience.sandbox.scheduler.demand import requests_of

DOORS = ("ephemeralcontainers", "resize")
_NOT_FOR_DEBUGGING = (
    "ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "resources",
    "resizePolicy",
)  # fmt: skip
_GROUPS = ("containers", "initContainers")


def separate(old: Obj, obj: Obj, door: str) -> Obj:
    """The old Pod with only the changes that the subresource `door` allows."""
    spec, given = {**old["spec"]}, obj.get("spec") or {}
    if door == "ephemeralcontainers":
        spec.pop("ephemeralContainers", None)
        if given.get("ephemeralContainers"):
            spec["ephemeralContainers"] = given["ephemeralContainers"]
    else:
        for group in _GROUPS:
            if group in spec:
                spec[group] = _resized(spec[group], given.get(group) or ())
    return {**old, "metadata": _metadata(old["metadata"], obj["metadata"]), "spec": spec}


_OWN = ("labels", "annotations", "finalizers", "ownerReferences")


def _metadata(old: Obj, given: Obj) -> Obj:
    """What a client says of itself is taken (managed fields, the version), the rest is kept."""
    taken = {key: value for key, value in given.items() if key not in _OWN}
    return taken | {key: old[key] for key in _OWN if key in old}


def _resized(old: Any, given: Any) -> list[Obj]:
    fresh = {entry.get("name"): entry for entry in given}
    found = []
    for container in old:
        wanted = fresh.get(container["name"])
        if wanted is not None:
            container = {**container, "resources": wanted.get("resources") or {}}
        found.append(container)
    return found


def check(request: Request) -> None:
    """ApiError 422 for changes that a subresource does not allow."""
    spec, before = request.obj["spec"], request.old["spec"] if request.old else {}
    if request.subresource == "ephemeralcontainers":
        causes = _debugging(spec, before)
    else:
        causes = [*pod_spec.check(spec, "spec"), *_resizing(request.obj, request.old or {})]
    if causes:
        raise refusals.invalid(request.resource, request.name, causes)
    if request.subresource == "resize" and (lacking := _lacking(request)):
        text = f"Node didn't have enough allocatable resources: {'; '.join(lacking)}"
        raise refusals.forbidden(request.resource, request.name, text)


def _lacking(request: Request) -> list[str]:
    """What the Pod alone would need more of than its node has."""
    spec = request.obj["spec"]
    node = request.view.find(request.view.resource("nodes"), "", spec.get("nodeName") or "")
    if node is None or request.old == request.obj:
        return []
    there, wanted = (node.get("status") or {}).get("allocatable") or {}, requests_of(spec)
    have = {name: amount(name, there.get(name, 0)) for name in ("cpu", "memory")}
    return [
        f"{name}, requested: {wanted[name]}, allocatable: {most}"
        for name, most in have.items()
        if wanted.get(name, 0) > most
    ]


def own_door(request: Request) -> None:
    """A plain update may neither add nor remove ephemeral containers."""
    if request.subresource == "" and request.old is not None:
        was, now = (obj["spec"].get("ephemeralContainers") for obj in (request.old, request.obj))
        if (was or []) != (now or []):
            cause = refusals.value_forbidden("spec", POD_MESSAGE)
            raise refusals.invalid(request.resource, request.name, [cause])


def _debugging(spec: Obj, before: Obj) -> list[Cause]:
    causes = []
    now = spec.get("ephemeralContainers") or []
    fresh = {entry.get("name"): entry for entry in now}
    for old in before.get("ephemeralContainers") or []:
        if fresh.get(old["name"]) != old:
            why = f'existing ephemeral containers "{old["name"]}" may not be'
            kind = "removed" if old["name"] not in fresh else "changed"
            causes.append(refusals.value_forbidden("spec.ephemeralContainers", f"{why} {kind}"))
    taken = {entry["name"] for group in _GROUPS for entry in spec.get(group) or []}
    for at, entry in enumerate(now):
        where = f"spec.ephemeralContainers[{at}]"
        name = entry.get("name")
        if not name:
            causes.append(refusals.value_required(f"{where}.name"))
        elif name in taken:
            causes.append(refusals.value_duplicate(f"{where}.name", name))
        taken.add(name)
        if not entry.get("image"):
            causes.append(refusals.value_required(f"{where}.image"))
        for field in _NOT_FOR_DEBUGGING:
            if entry.get(field):
                why = "cannot be set for an Ephemeral Container"
                causes.append(refusals.value_forbidden(f"{where}.{field}", why))
        target = entry.get("targetContainerName")
        if target and not any(c["name"] == target for c in spec["containers"]):
            causes.append(Cause("FieldValueNotFound", f"{where}.targetContainerName",
                                f"Not found: {refusals.quoted(target)}"))  # fmt: skip
    return causes


def _resizing(obj: Obj, old: Obj) -> list[Cause]:
    before, after = qos_class(old["spec"]), qos_class(obj["spec"])
    causes = []
    if before != after:
        causes.append(
            refusals.value_invalid(
                "spec", before, "Pod QOS Class may not change as a result of resizing"
            )
        )
    for group in _GROUPS:
        pairs = zip(old["spec"].get(group) or [], obj["spec"].get(group) or [], strict=True)
        for at, (was, now) in enumerate(pairs):
            where = f"spec.{group}[{at}].resources"
            causes += _limits(was.get("resources") or {}, now.get("resources") or {}, where)
    return causes


def _limits(was: Obj, now: Obj, where: str) -> list[Cause]:
    causes = []
    for part in ("requests", "limits"):
        one, two = was.get(part) or {}, now.get(part) or {}
        changed = {name for name in {*one, *two} if one.get(name) != two.get(name)}
        if changed - {"cpu", "memory"}:
            why = "only cpu and memory resources are mutable"
            causes.append(refusals.value_forbidden("spec", why))
        if set(one) - set(two):
            why = f"resource {part} cannot be removed"
            causes.append(refusals.value_forbidden(f"{where}.{part}", why))
    return causes
