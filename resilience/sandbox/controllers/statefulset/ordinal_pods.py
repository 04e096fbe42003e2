"""A StatefulSet's Pods and claims: names, labels, volumes, owners of claims. Pure.

Source: pkg/controller/statefulset/stateful_set_utils.go. A claim is named TEMPLATE-SET-ORDINAL.
`persistentVolumeClaimRetentionPolicy` decides whether it is deleted; by default it is kept in both
cases.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from resilience.sandbox.controllers.podsets.controller_revisions import POD_LABEL
from resilience.sandbox.controllers.podsets.pod_templates import pod_from_template
from resilience.sandbox.kube.api import Obj, Resource
from resilience.sandbox.kube.object_edits import key_of, uid_of

NAME_LABEL: Final = "statefulset.kubernetes.io/pod-name"
INDEX_LABEL: Final = "apps.kubernetes.io/pod-index"
_NAME = re.compile(r"^(.*)-([0-9]+)$")


def ordinal_of(statefulset: Obj, pod: Obj) -> int | None:
    """The ordinal in a Pod's name, None when the name is not this set's."""
    found = _NAME.match(pod["metadata"]["name"])
    if found is None or found[1] != statefulset["metadata"]["name"]:
        return None
    return int(found[2])


def pod_of(
    statefulset: Obj, kind: Resource, ordinal: int, template: Mapping[str, Any], revision: str
) -> Obj:
    """The Pod of an ordinal."""
    name = f"{statefulset['metadata']['name']}-{ordinal}"
    pod = copy.deepcopy(pod_from_template(template, statefulset, kind, name))
    labels = pod["metadata"].setdefault("labels", {})
    labels.update({NAME_LABEL: name, INDEX_LABEL: str(ordinal), POD_LABEL: revision})
    spec = pod["spec"]
    spec["hostname"] = name
    spec["subdomain"] = statefulset["spec"].get("serviceName") or ""
    claimed = {t["metadata"]["name"] for t in claim_templates(statefulset)}
    volumes = [v for v in spec.get("volumes") or () if v["name"] not in claimed]
    for template_name in sorted(claimed):
        claim = {"claimName": claim_name(statefulset, template_name, ordinal)}
        volumes.append({"name": template_name, "persistentVolumeClaim": claim})
    if volumes:
        spec["volumes"] = volumes
    return pod


def claim_templates(statefulset: Obj) -> list[Obj]:
    """`volumeClaimTemplates`."""
    templates: list[Obj] = statefulset["spec"].get("volumeClaimTemplates") or []
    return templates


def claim_name(statefulset: Obj, template: str, ordinal: int) -> str:
    """Name of the claim of a template and an ordinal."""
    return f"{template}-{statefulset['metadata']['name']}-{ordinal}"


def claims_of(statefulset: Obj, ordinal: int) -> Iterator[Obj]:
    """The claims of one ordinal, as they are created."""
    labels = (statefulset["spec"]["selector"] or {}).get("matchLabels") or {}
    for template in claim_templates(statefulset):
        given = template["metadata"]
        metadata: dict[str, Any] = {
            "name": claim_name(statefulset, given["name"], ordinal),
            "namespace": key_of(statefulset)[0],
            "labels": {**(given.get("labels") or {}), **labels},
        }
        if given.get("annotations"):
            metadata["annotations"] = given["annotations"]
        yield {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": metadata,
            "spec": copy.deepcopy(template["spec"]),
        }


def claim_owner(statefulset: Obj, pod: Obj | None, *, condemned: bool) -> dict[str, Any] | None:
    """The owner that deletes a claim with its set, or with a Pod that is scaled away."""
    policy = statefulset["spec"].get("persistentVolumeClaimRetentionPolicy") or {}
    if condemned and policy.get("whenScaled") == "Delete" and pod is not None:
        return _reference("v1", "Pod", pod)
    if policy.get("whenDeleted") == "Delete":
        return _reference("apps/v1", "StatefulSet", statefulset)
    return None


def _reference(api_version: str, kind: str, owner: Obj) -> dict[str, Any]:
    name = owner["metadata"]["name"]
    return {"apiVersion": api_version, "kind": kind, "name": name, "uid": uid_of(owner)}
