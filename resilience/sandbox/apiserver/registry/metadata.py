"""What the server sets in `metadata` on create and update: names, ids, stamps, generation.

Sources: k8s.io/apiserver/pkg/registry/rest/{create,update,meta}.go and names/generate.go. Pure
functions over objects that the caller owns; clock, ids and randomness come in as values.
"""

from __future__ import annotations

import random
from typing import Any

from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.api import ApiError, Obj, Resource

_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"
_LONGEST_BASE = 58
_KEPT = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "selfLink",
)

GENERATION = frozenset(
    {
        ("", "pods"),
        ("", "replicationcontrollers"),
        ("apps", "deployments"),
        ("apps", "replicasets"),
        ("apps", "statefulsets"),
        ("apps", "daemonsets"),
        ("batch", "jobs"),
        ("batch", "cronjobs"),
        ("policy", "poddisruptionbudgets"),
        ("networking.k8s.io", "ingresses"),
        ("networking.k8s.io", "networkpolicies"),
        ("networking.k8s.io", "ingressclasses"),
        ("discovery.k8s.io", "endpointslices"),
        ("scheduling.k8s.io", "priorityclasses"),
        ("apiextensions.k8s.io", "customresourcedefinitions"),
        ("flowcontrol.apiserver.k8s.io", "flowschemas"),
        ("flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations"),
        ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
        ("admissionregistration.k8s.io", "validatingwebhookconfigurations"),
        ("admissionregistration.k8s.io", "validatingadmissionpolicies"),
        ("admissionregistration.k8s.io", "validatingadmissionpolicybindings"),
        ("admissionregistration.k8s.io", "mutatingadmissionpolicies"),
        ("admissionregistration.k8s.io", "mutatingadmissionpolicybindings"),
    }
)
"""Built-in resources whose strategies count `metadata.generation`."""

_WHOLE = frozenset(
    {
        "endpointslices",
        "ingressclasses",
        "mutatingwebhookconfigurations",
        "validatingwebhookconfigurations",
    }
)
"""Resources whose generation counts any change beside metadata, not only `spec`."""


def generate_name(base: str, chance: random.Random) -> str:
    """`base` cut to 58 characters plus five random ones, as generateName does."""
    return base[:_LONGEST_BASE] + "".join(chance.choice(_SUFFIX) for _ in range(5))


def metadata_of(resource: Resource, obj: Obj) -> dict[str, Any]:
    """The object's metadata, created if absent; ApiError 400 when it is not a mapping."""
    metadata = obj.get("metadata")
    if metadata is None:
        metadata = obj["metadata"] = {}
    if not isinstance(metadata, dict):
        raise refusals.bad_request(
            f'{resource.kind} in version "{resource.version}" cannot be handled as a'
            f" {resource.kind}: json: cannot unmarshal into Go struct field"
            f" {resource.kind}.metadata of type v1.ObjectMeta"
        )
    return metadata


def prepare_create(
    resource: Resource, obj: Obj, *, uid: str, now: str, chance: random.Random, counted: bool
) -> None:
    """Set the server's own fields; ApiError without a usable name or namespace."""
    metadata = metadata_of(resource, obj)
    for field in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "generation"):
        metadata.pop(field, None)
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = generate_name(str(metadata["generateName"]), chance)
    if resource.namespaced:
        if not metadata.get("namespace"):
            raise refusals.bad_request("an empty namespace may not be set during creation")
    else:
        metadata.pop("namespace", None)
    if not metadata.get("name"):
        raise refusals.invalid(
            resource,
            "",
            [refusals.value_required("metadata.name", "name or generateName is required")],
        )
    metadata["uid"] = uid
    metadata["creationTimestamp"] = now
    metadata["resourceVersion"] = ""
    if counted:
        metadata["generation"] = 1
    obj["apiVersion"], obj["kind"] = resource.api_version, resource.kind


def prepare_update(resource: Resource, obj: Obj, old: Obj, *, counted: bool) -> None:
    """Carry over what clients may not change; raises 409 for a stale version or another uid."""
    metadata, before = metadata_of(resource, obj), old["metadata"]
    name = before["name"]
    version = metadata.get("resourceVersion")
    if version and version != before["resourceVersion"]:
        raise refusals.conflict(resource, name)
    if metadata.get("uid") not in (None, "", before["uid"]):
        raise refusals.conflict(
            resource,
            name,
            f"StorageError: invalid object, Code: 4, Key: /registry/{resource.plural}/"
            f"{before.get('namespace', '')}/{name}, ResourceVersion: 0, AdditionalErrorMsg:"
            f" Precondition failed: UID in precondition: {metadata['uid']}, UID in object meta:"
            f" {before['uid']}",
        )
    for field in _KEPT:
        if field in before:
            metadata[field] = before[field]
        else:
            metadata.pop(field, None)
    metadata["name"] = name
    metadata["resourceVersion"] = before["resourceVersion"]
    if resource.namespaced:
        metadata["namespace"] = before["namespace"]
    else:
        metadata.pop("namespace", None)
    obj["apiVersion"], obj["kind"] = resource.api_version, resource.kind
    if counted and _counted_part(resource, obj) != _counted_part(resource, old):
        metadata["generation"] = int(before.get("generation", 0)) + 1


def _counted_part(resource: Resource, obj: Obj) -> Any:
    if resource.plural in _WHOLE:
        return {key: value for key, value in obj.items() if key != "metadata"}
    return obj.get("spec")


def check_names(resource: Resource, obj: Obj, namespace: str, name: str) -> None:
    """400 unless the body's name and namespace match the URL; sets them if absent."""
    metadata = metadata_of(resource, obj)
    if resource.namespaced:
        if metadata.setdefault("namespace", namespace) in ("", None):
            metadata["namespace"] = namespace
        if metadata["namespace"] != namespace:
            raise mismatch("namespace", metadata["namespace"], namespace)
    if name:
        if metadata.setdefault("name", name) in ("", None):
            metadata["name"] = name
        if metadata["name"] != name:
            raise mismatch("name", metadata["name"], name)


def mismatch(what: str, body: str, url: str) -> ApiError:
    """The 400 for a body that contradicts its URL."""
    if what == "name":
        return refusals.bad_request(
            f"the name of the object ({body}) does not match the name on the URL ({url})"
        )
    return refusals.bad_request(
        "the namespace of the provided object does not match the namespace sent on the request"
    )
