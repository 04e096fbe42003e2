"""The one place that creates Pods of this project: probers, canaries, and helpers for volumes and
nodes.

Every Pod passes PodSecurity `restricted` unless it needs more privileges. It sets requests and
limits of everything that a quota can demand, so that a namespace with one admits it. The limit for
CPU is well above the request: a prober that the kernel holds back measures late what was on time.
Each Pod mounts no token, and carries the label that keeps helpers from being chosen as victims. A
Pod that works in place of another one (`StandIn`) takes over what that one needs to be scheduled,
to pull images and to read its files. One setting determines the image of all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from resilience.cluster.errors import Conflict, NotFound
from resilience.cluster.interface import PODS, Cluster, Means, Object
from resilience.cluster.stand_in import NOBODY, StandIn
from resilience.kube import objects
from resilience.kube.image_pulls import is_bare_back_off, may_pass

IMAGE = "python:3.13-slim"
"""The default without `helper_image`; any image with Python 3.11 or later on its PATH works."""

PURPOSE = "resilience/helper"
"""Label of every helper Pod; the value is its purpose."""

AGENT_OF = "resilience/prober"
"""Label of the Pods of a prober that has several; the value is the name of their Job."""

CPU_LIMIT = "500m"
"""Far above what most helpers use, and below what a quota usually leaves: at its limit, a process
is stopped for the rest of each 100 ms, and neither its node nor the service is to blame then."""

DISK, DISK_LIMIT = "64Mi", "512Mi"
"""A helper writes no files of its own, but what it prints is kept on its node: the kubelet rotates
that long before the limit, at which it would evict the Pod."""

HOPELESS = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull",
     "CreateContainerConfigError"}
)  # fmt: skip
"""Reasons of a waiting container that a short wait does not resolve, unless their message names a
cause that may pass."""

_NO_MESH = {"sidecar.istio.io/inject": "false"}
"""Annotation against sidecars: one that never ends would keep a finished helper running."""

_FILES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "SETFCAP")
"""Capabilities to read and restore the files of any user; PodSecurity `baseline` allows them."""


_PRIORITY = ("SYS_NICE",)
"""The capability to take a real-time priority. It does not pass to a user who is not root."""


class HelperAccess(Enum):
    """The security context of a helper's container."""

    RESTRICTED = "restricted"  # nothing: PodSecurity `restricted` admits it
    FILES = "files"  # root for the files of a mounted volume: `baseline` admits it
    PUNCTUAL = "punctual"  # root that may choose its own priority: only `privileged` admits it
    HOST = "host"  # privileged, in the node's process namespace


_CAPABILITIES = {HelperAccess.FILES: _FILES, HelperAccess.PUNCTUAL: _PRIORITY}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A volume of the helper: `source` is its entry in `volumes`, without the name."""

    name: str
    path: str
    source: Mapping[str, Any]
    read_only: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class HelperPod:
    """A Pod to create. `purpose` names its container; `lifetime` is the number of seconds after
    which the cluster ends it in any case. `cpu` is only its request. `node` binds it to a node in
    spite of taints that only keep new Pods away."""

    name: str
    namespace: str
    purpose: str
    command: Sequence[str]
    image: str = IMAGE
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    grace: int = 0
    lifetime: int = 600
    cpu: str = "50m"
    cpu_limit: str = CPU_LIMIT
    memory: str = "64Mi"
    mounts: Sequence[Mount] = ()
    node: str = ""
    stands_in: StandIn = NOBODY
    access: HelperAccess = HelperAccess.RESTRICTED
    in_mesh: bool = False

    def body(self) -> Object:
        """The Pod as it is sent."""
        mesh = {} if self.in_mesh else _NO_MESH
        metadata: dict[str, Any] = {
            "name": self.name,
            "namespace": self.namespace,
            "labels": {**mesh, **self.labels, **marks(self.purpose)},
        }
        if self.annotations:
            metadata["annotations"] = dict(self.annotations)
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": self._spec()}

    def _spec(self) -> dict[str, Any]:
        spec: dict[str, Any] = {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": self.grace,
            "activeDeadlineSeconds": self.lifetime,
            "securityContext": self._pod_security(),
            "containers": [self._container()],
            **self.stands_in.placement(self.node),
        }
        if self.mounts:
            spec["volumes"] = [{"name": each.name, **each.source} for each in self.mounts]
        if self.access is HelperAccess.HOST:  # the kubelet admits it without the scheduler
            spec |= {"nodeName": self.node, "hostPID": True}
            spec["tolerations"] = [{"operator": "Exists"}]
            spec.pop("affinity", None)
        return spec

    def _container(self) -> dict[str, Any]:
        asked = {"cpu": self.cpu, "memory": self.memory, "ephemeral-storage": DISK}
        at_most = {"cpu": self.cpu_limit, "memory": self.memory, "ephemeral-storage": DISK_LIMIT}
        container: dict[str, Any] = {
            "name": self.purpose,
            "image": self.image,
            "command": list(self.command),
            "resources": {"requests": asked, "limits": at_most},
            "securityContext": self._container_security(),
        }
        if self.mounts:
            container["volumeMounts"] = [
                {"name": each.name, "mountPath": each.path, "readOnly": each.read_only}
                for each in self.mounts
            ]
        return container

    def _pod_security(self) -> dict[str, Any]:
        if self.access is HelperAccess.HOST:
            return {}
        profile = {"seccompProfile": {"type": "RuntimeDefault"}}
        if self.access is HelperAccess.FILES:
            return {**self.stands_in.sharing(), "runAsUser": 0, "runAsGroup": 0, **profile}
        if self.access is HelperAccess.PUNCTUAL:
            return {"runAsUser": 0, "runAsGroup": 0, **profile}
        return {**self.stands_in.user(), "runAsNonRoot": True, **profile}

    def _container_security(self) -> dict[str, Any]:
        if self.access is HelperAccess.HOST:
            return {"privileged": True, "runAsUser": 0}
        capabilities: dict[str, Any] = {"drop": ["ALL"]}
        if added := _CAPABILITIES.get(self.access):
            capabilities["add"] = list(added)
        return {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": capabilities,
        }


def marks(purpose: str) -> dict[str, str]:
    """Labels of a helper and of objects created with it: neither victim nor workload nor part of
    a backup."""
    return {
        objects.MANAGED_BY: objects.OURS,
        PURPOSE: purpose,
        "velero.io/exclude-from-backup": "true",
    }


def image(cluster: Cluster, chosen: str = "") -> str:
    """The image of helpers: the plan's own choice, else the cluster's, else `IMAGE`."""
    return chosen or image_of(cluster.means)


def image_of(means: Means) -> str:
    """The image of helpers where nothing else is chosen."""
    return means.helper_image or IMAGE


def prober_access(means: Means) -> HelperAccess:
    """The security context of probers: the target decides."""
    return HelperAccess.PUNCTUAL if means.real_time_prober else HelperAccess.RESTRICTED


def why_not_running(pod: Object) -> str:
    """What keeps a Pod from running: its container's reason, else its conditions, else its
    phase."""
    status = pod.get("status") or {}
    for each in status.get("containerStatuses") or ():
        if waiting := (each.get("state") or {}).get("waiting"):
            return _reason(waiting)
    if objects.phase(pod) == "Failed":
        return _reason({"reason": "Failed", **status})
    said = [each["message"] for each in status.get("conditions") or () if each.get("message")]
    return "; ".join(said) or objects.phase(pod) or "no status yet"


def hopeless(pod: Object) -> str:
    """Why waiting cannot help; "" as long as it may."""
    status = pod.get("status") or {}
    for each in status.get("containerStatuses") or ():
        waiting = (each.get("state") or {}).get("waiting") or {}
        reason, message = str(waiting.get("reason") or ""), str(waiting.get("message") or "")
        passing = may_pass(message) or is_bare_back_off(reason, message)
        if reason in HOPELESS and not passing:
            return _reason(waiting)
    return why_not_running(pod) if objects.phase(pod) == "Failed" else ""


def _reason(said: Mapping[str, Any]) -> str:
    return f"{said.get('reason') or 'no reason'}: {said.get('message') or ''}".rstrip(": ")


def exit_code(pod: Object) -> int | None:
    """The exit code of its one container; None before it has ended."""
    for each in (pod.get("status") or {}).get("containerStatuses") or ():
        if ended := (each.get("state") or {}).get("terminated"):
            return int(ended["exitCode"])
    return None


def remove(cluster: Cluster, pod: Object) -> None:
    """Delete this very Pod at once; leaves alone another Pod with its name."""
    with suppress(NotFound, Conflict):
        cluster.delete(
            PODS, objects.name(pod), objects.namespace(pod), grace=0, uid=objects.uid(pod)
        )
