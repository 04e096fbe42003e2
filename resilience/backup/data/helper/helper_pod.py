"""The helper Pod that mounts a claim, and which Pods use the claim. Pure."""

from __future__ import annotations

from typing import Any

from resilience.backup.data.helper.helper_holder import HOLDER, holder
from resilience.backup.format import layout
from resilience.cluster.helper_pods import HelperAccess, HelperPod, Mount
from resilience.cluster.interface import Object
from resilience.cluster.stand_in import NOBODY, StandIn

MOUNT = "/volume"
PREFIX = "resilience-volume-"
_SLEEP = "import time; time.sleep(86400)"


def helper(
    claim: str,
    namespace: str,
    *,
    image: str,
    run: str,
    writing: bool,
    node: str = "",
    stands_in: StandIn = NOBODY,
    access: HelperAccess = HelperAccess.FILES,
) -> Object:
    """A Pod without permissions and token, and with nothing but the claim. `run` is the name of the
    snapshot or the restore."""
    source = {"persistentVolumeClaim": {"claimName": claim, "readOnly": not writing}}
    return HelperPod(
        name=name_of(claim),
        namespace=namespace,
        purpose="volume",
        command=["python", "-c", _SLEEP],
        image=image,
        annotations={RUN: run, HOLDER: holder()},
        lifetime=86400,
        cpu="250m",
        mounts=[Mount(name="it", path=MOUNT, source=source, read_only=not writing)],
        node=node,
        stands_in=stands_in,
        access=access,
    ).body()


def name_of(claim: str) -> str:
    """The name of a claim's helper."""
    return layout.short(PREFIX + claim, 253)


RUN = "resilience/run"
"""Annotation: the snapshot or the restore for which a helper works."""


def uses(pod: Object, claim: str) -> bool:
    """Whether a Pod that has not ended mounts a claim."""
    if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return False
    return bool(_volume(pod.get("spec") or {}, claim))


def _volume(spec: dict[str, Any], claim: str) -> str:
    """The name of the claim's volume in a Pod's spec."""
    for each in spec.get("volumes") or ():
        if (each.get("persistentVolumeClaim") or {}).get("claimName") == claim:
            return str(each.get("name", ""))
    return ""


def in_place_of(spec: dict[str, Any], claim: str) -> StandIn:
    """What a helper takes over from a Pod (or a template) that uses the claim; container settings
    come from the first container that mounts it."""
    volume = _volume(spec, claim)
    for container in spec.get("containers") or ():
        if any(each.get("name") == volume for each in container.get("volumeMounts") or ()):
            return StandIn.of(spec, str(container.get("name", "")))
    return StandIn.of(spec)
