"""Volumes whose reclaim policy is Retain: they stay after a drill, with a copy of the data.

What a provisioner made for a claim of the scratch namespace belongs to the drill alone. Its policy
is set to Delete before its claim goes, so that the provisioner deletes the disk as well; deleting
the PersistentVolume would only lose the disk. It is a write outside of namespaces, so a target has
to list `persistentvolumes`. A volume that was there before the claim is never touched. Whatever
stays is named, with the next step.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress

from resilience.cluster.errors import ClusterError
from resilience.cluster.interface import CLAIMS, VOLUMES, Cluster, Object
from resilience.kube import objects
from resilience.kube.volumes import was_provisioned

RETAINED = "retained"
"""In a plan's `accept`: volumes of the copy may stay after the drill."""

_POLICY = "persistentVolumeReclaimPolicy"


def released(cluster: Cluster, namespace: str) -> frozenset[str]:
    """Before the scratch namespace is deleted: the uids of its claims; their own volumes will be
    deleted with them, as far as consent covers it. What does not work shows in `kept`."""
    try:
        claims = frozenset(objects.uid(each) for each in cluster.list(CLAIMS, namespace))
    except ClusterError:
        return frozenset()
    try:
        found = _retained(cluster, claims) if claims else []
    except ClusterError:
        return claims
    for volume in filter(_is_own, found):
        metadata = volume["metadata"]
        same = {key: metadata[key] for key in ("uid", "resourceVersion")}
        body = {"metadata": same, "spec": {_POLICY: "Delete"}}
        with suppress(ClusterError):  # not covered, not allowed, or changed meanwhile
            cluster.patch(VOLUMES, metadata["name"], body)
    return claims


def kept(cluster: Cluster, claims: Collection[str]) -> list[str]:
    """A line for each volume of these claims that stays."""
    if not claims:
        return []
    try:
        found = _retained(cluster, claims)
    except ClusterError as problem:
        return [f"cannot check whether volumes of the drill's claims stay: {problem}"]
    return [_told(each) for each in found]


def _retained(cluster: Cluster, claims: Collection[str]) -> list[Object]:
    return [
        each
        for each in objects.in_order(cluster.list(VOLUMES))
        if _claim(each).get("uid") in claims and each["spec"].get(_POLICY) == "Retain"
    ]


def _claim(volume: Object) -> Object:
    found: Object = volume["spec"].get("claimRef") or {}
    return found


def _is_own(volume: Object) -> bool:
    """Whether a provisioner made it for this claim: external-provisioner names it after the claim's
    uid. A volume that was retained before and bound again has another claim's."""
    return was_provisioned(volume) and objects.name(volume).endswith(str(_claim(volume)["uid"]))


def _told(volume: Object) -> str:
    name, claim = objects.name(volume), _claim(volume)
    size = (volume["spec"].get("capacity") or {}).get("storage", "of unknown size")
    what = (
        f"PersistentVolume {name} ({size}, claim {claim.get('namespace')}/{claim.get('name')}) "
        "stays with the copy's data, because its reclaim policy is Retain"
    )
    if not _is_own(volume):
        return (
            f"{what}; it was there before the drill, whose claim was bound to it. Remove the data, "
            f'then its claimRef: kubectl patch pv {name} -p \'{{"spec":{{"claimRef":null}}}}\''
        )
    return (
        f"{what}; delete it with its disk: kubectl patch pv {name} -p "
        f'\'{{"spec":{{"{_POLICY}":"Delete"}}}}\'. Drills do that themselves where '
        "`cluster_scoped` of the cluster's target lists 'persistentvolumes'; "
        f"`accept: [{RETAINED}]` in the plan lets such volumes stay"
    )
