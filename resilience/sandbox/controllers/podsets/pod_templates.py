"""From a Pod template to a Pod, and from a template to its hash.

The hash names ReplicaSets and revisions. Real Kubernetes hashes Go's memory layout, which cannot be
reproduced from outside, and clients must not rely on its value; what counts is that equal templates
give equal hashes, that `collisionCount` changes it, and that it uses the same safe alphabet.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from resilience.sandbox.kube.api import Obj, Resource
from resilience.sandbox.kube.object_edits import controller_reference

HASH_LABEL: Final = "pod-template-hash"
ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"
"""No vowels and no look-alikes, so that no bad word and no misreading comes out (util/rand)."""


def safe_encode(number: int) -> str:
    """Decimal digits mapped into the safe alphabet, as rand.SafeEncodeString does byte-wise."""
    return "".join(ALPHABET[ord(digit) % len(ALPHABET)] for digit in str(number))


def content_hash(content: object, collisions: int | None = None) -> str:
    """A short name for JSON content; another number of collisions gives another name."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(f"{text}{collisions or ''}".encode()).digest()
    return safe_encode(int.from_bytes(digest[:4], "big"))


def without_label(template: Mapping[str, Any], label: str = HASH_LABEL) -> dict[str, Any]:
    """The template without one label, to compare a ReplicaSet's with its Deployment's."""
    metadata = {k: v for k, v in (template.get("metadata") or {}).items() if v is not None}
    labels = {k: v for k, v in (metadata.get("labels") or {}).items() if k != label}
    metadata.pop("creationTimestamp", None)
    return {**template, "metadata": {**metadata, "labels": labels}}


def with_label(template: Mapping[str, Any], label: str, value: str) -> dict[str, Any]:
    """The template with one additional label."""
    metadata = template.get("metadata") or {}
    labels = {**(metadata.get("labels") or {}), label: value}
    return {**template, "metadata": {**metadata, "labels": labels}}


def pod_prefix(owner: str) -> str:
    """The prefix of generated Pod names: "web-" (an overlong name keeps the bare form)."""
    return f"{owner}-" if len(owner) < 253 else owner


def pod_from_template(
    template: Mapping[str, Any], owner: Obj, resource: Resource, name: str | None = None
) -> Obj:
    """A Pod as GetPodFromTemplate makes it, with a fixed or a generated name."""
    given = template.get("metadata") or {}
    metadata: dict[str, Any] = {
        "namespace": owner["metadata"]["namespace"],
        "ownerReferences": [controller_reference(owner, resource)],
    }
    for field in ("labels", "annotations", "finalizers"):
        if given.get(field):
            metadata[field] = given[field]
    if name is None:
        metadata["generateName"] = pod_prefix(owner["metadata"]["name"])
    else:
        metadata["name"] = name
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
