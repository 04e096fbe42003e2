"""The closed list of what may differ between a recorded object and its live copy.

Each entry names an API group and kind, a field, and the reason. The list belongs to the proof: it
shares no code with the restore, so that anything the restore loses by mistake shows up here as a
difference. Every used entry is counted and printed. Pure.

Where an entry has `unless_written`, the field may differ only if no client ever set it: a node port
that a user chose is not an allocated one.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from resilience.backup.objects.kind_identity import identity
from resilience.backup.objects.written_fields import Step, is_written
from resilience.cluster.interface import Object

ANY = "*"


@dataclass(frozen=True, slots=True)
class AllowedDifference:
    """`kind` is an identity (`Service`, `Job.batch`) or `*`; `field` a path whose parts are globs.
    `only` says for which objects it applies, `now` which new value is acceptable. With `must` the
    live object must have this value, even if another was recorded."""

    kind: str
    field: str
    why: str
    unless_written: bool = False
    only: Callable[[Object], bool] | None = None
    now: Callable[[Any, Any], bool] | None = None
    must: bool = False

    def __str__(self) -> str:
        return f"{'all kinds' if self.kind == ANY else self.kind} {self.field}: {self.why}"

    def covers(self, recorded: Object, parts: tuple[str, ...], was: Any, now: Any) -> bool:
        """Whether it excuses this difference. `parts` lead to the differing value, or into it."""
        wanted = tuple(self.field.strip("/").split("/"))
        if self.kind not in (ANY, identity(recorded)) or len(parts) < len(wanted):
            return False
        if not all(fnmatchcase(*each) for each in zip(parts, wanted, strict=False)):
            return False
        if (self.only and not self.only(recorded)) or (self.now and not self.now(was, now)):
            return False
        return not (
            self.unless_written and is_written(recorded, *_steps(recorded, parts[: len(wanted)]))
        )


def _steps(recorded: Object, parts: tuple[str, ...]) -> Iterator[Step]:
    """A path with list items named by their keys, as managedFields names them."""
    value: Any = recorded
    for part in parts:
        if isinstance(value, list):
            value = value[int(part)] if int(part) < len(value) else None
            item = value if isinstance(value, dict) else {}
            yield {"port": item.get("port"), "protocol": item.get("protocol", "TCP")}
        else:
            value = value.get(part) if isinstance(value, dict) else None
            yield part


def _has_address(service: Object) -> bool:
    return bool((service.get("spec") or {}).get("clusterIP") != "None")


def _is_token(secret: Object) -> bool:
    return bool(secret.get("type") == "kubernetes.io/service-account-token")


def _is_generated(job: Object) -> bool:
    """Whether the API server makes its labels and its selector."""
    return (job.get("spec") or {}).get("manualSelector") is not True


def _keeps_unknown(definition: Object) -> bool:
    return (definition.get("spec") or {}).get("preserveUnknownFields") is True


def _unset(was: Any, now: Any) -> bool:
    return now is not True


def _set(was: Any, now: Any) -> bool:
    return now is True


def _any_object(was: Any, now: Any) -> bool:
    return bool(now == {"openAPIV3Schema": {"type": "object", _KEEPS: True}})


_KEEPS = "x-kubernetes-preserve-unknown-fields"
_CRD = "CustomResourceDefinition.apiextensions.k8s.io"
_CONSENT = "set on the cluster by people, never by a snapshot"
_SERVER = "set by the API server"
_MARK = "a mark of the restore"
_BOUND = "set when the claim is bound"
_BY_UID = "derived from the Job's uid"
_TOKEN = "issued by the token controller"
_ALLOCATED = "allocated by the API server, not chosen by a client"

LIST: tuple[AllowedDifference, ...] = (
    *(
        AllowedDifference(ANY, f"metadata/{field}", _SERVER)
        for field in (
            "uid",
            "resourceVersion",
            "generation",
            "creationTimestamp",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "selfLink",
            "managedFields",
        )
    ),
    *(
        AllowedDifference(ANY, f"metadata/annotations/{mark}", _MARK)
        for mark in ("resilience~1restore", "resilience~1snapshot", "resilience~1filled")
    ),
    *(
        AllowedDifference(ANY, f"metadata/labels/velero.io~1{mark}", "a mark of Velero's restore")
        for mark in ("backup-name", "restore-name")
    ),
    *(
        AllowedDifference(
            "Service", f"spec/{field}", _ALLOCATED, unless_written=True, only=_has_address
        )
        for field in ("clusterIP", "clusterIPs")
    ),
    AllowedDifference("Service", "spec/healthCheckNodePort", _ALLOCATED, unless_written=True),
    AllowedDifference("Service", "spec/ipFamilies", _ALLOCATED, unless_written=True),
    AllowedDifference("Service", "spec/ports/*/nodePort", _ALLOCATED, unless_written=True),
    AllowedDifference("Pod", "spec/nodeName", "chosen by the scheduler"),
    *(
        AllowedDifference("Pod", f"spec/{field}", "computed from the priority class")
        for field in ("priority", "preemptionPolicy")
    ),
    AllowedDifference("Pod", "spec/overhead", "computed from the runtime class"),
    *(
        AllowedDifference("PersistentVolumeClaim", f"metadata/annotations/{name}", _BOUND)
        for name in (
            "pv.kubernetes.io~1bind-completed",
            "pv.kubernetes.io~1bound-by-controller",
            "volume.kubernetes.io~1selected-node",
            "volume.kubernetes.io~1storage-provisioner",
            "volume.beta.kubernetes.io~1storage-provisioner",
        )
    ),
    AllowedDifference("PersistentVolumeClaim", "spec/volumeName", _BOUND),
    AllowedDifference(
        "PersistentVolumeClaim", "spec/dataSource", "the data comes from the snapshot instead"
    ),
    AllowedDifference(
        "PersistentVolumeClaim", "spec/dataSourceRef", "the data comes from the snapshot instead"
    ),
    AllowedDifference("PersistentVolume", "spec/claimRef/uid", _BOUND),
    AllowedDifference("PersistentVolume", "spec/claimRef/resourceVersion", _BOUND),
    *(
        AllowedDifference("Job.batch", f"{holder}/labels/{label}", _BY_UID, only=_is_generated)
        for holder in ("metadata", "spec/template/metadata")
        for label in ("controller-uid", "batch.kubernetes.io~1controller-uid")
    ),
    AllowedDifference("Job.batch", "spec/selector", _BY_UID, only=_is_generated),
    *(
        AllowedDifference("Secret", field, _TOKEN, only=_is_token)
        for field in (
            "data/token",
            "data/ca.crt",
            "data/namespace",
            "metadata/annotations/kubernetes.io~1service-account.uid",
        )
    ),
    *(
        AllowedDifference(
            kind, "metadata/annotations/deployment.kubernetes.io~1revision", "counted again"
        )
        for kind in ("Deployment.apps", "ReplicaSet.apps")
    ),
    AllowedDifference(
        "DaemonSet.apps",
        "metadata/annotations/deprecated.daemonset.template.generation",
        "counted again",
    ),
    *(
        AllowedDifference(
            _CRD, field, "the schemas keep unknown fields instead", only=_keeps_unknown, now=now
        )
        for field, now in (
            ("spec/preserveUnknownFields", _unset),
            (f"spec/versions/*/schema/openAPIV3Schema/{_KEEPS}", _set),
            ("spec/versions/*/schema", _any_object),
        )
    ),
    AllowedDifference("Namespace", "metadata/labels/kubernetes.io~1metadata.name", _SERVER),
    AllowedDifference("Namespace", "spec/finalizers", _SERVER),
    AllowedDifference("Namespace", "metadata/labels/resilience~1consent", _CONSENT),
    AllowedDifference("Namespace", "metadata/annotations/resilience~1paused", _CONSENT),
)


STATUS = AllowedDifference(ANY, "status", "written by controllers, in a subresource of its own")

_FINALIZERS = AllowedDifference(
    ANY, "metadata/finalizers", "a deletion, a snapshot or a clone was in progress"
)
_PASSING = re.compile(
    r"foregroundDeletion|orphan|.*/pvc-as-source-protection|.*/cloning-protection"
)
_ACCOUNT_SECRETS = AllowedDifference(
    "ServiceAccount", "secrets", "names of Secrets that controllers generate"
)
_TOKEN_VOLUMES = AllowedDifference("Pod", "spec/volumes", "the names of token volumes are random")

_WAIT = AllowedDifference(
    "Pod", "spec/initContainers", "a restore of Velero's waited in it for volumes"
)

_RANDOM = re.compile(r"(kube-api-access|[a-z0-9.-]+-token)-[a-z0-9]{5}")
_GENERATED = re.compile(r"-(token|dockercfg)-[a-z0-9]{5}")


def comparable(obj: Object) -> tuple[Object, list[AllowedDifference]]:
    """A copy without the parts that can only be judged as a whole, and the entries used for
    that."""
    mine, used = copy.deepcopy(obj), list[AllowedDifference]()
    metadata = mine["metadata"]
    held = metadata.get("finalizers") or []
    kept = [each for each in held if not _PASSING.fullmatch(each)]
    if kept != held:
        metadata["finalizers"] = kept
        used.append(_FINALIZERS)
    if identity(obj) == "ServiceAccount" and _without_generated(mine):
        used.append(_ACCOUNT_SECRETS)
    if identity(obj) == "Pod" and _renamed_token_volumes(mine):
        used.append(_TOKEN_VOLUMES)
    if identity(obj) == "Pod" and _without_wait(mine):
        used.append(_WAIT)
    metadata.pop("ownerReferences", None)  # compared by `owners`: an owner's uid is new
    for field in ("annotations", "labels", "finalizers"):
        if not metadata.get(field, True):
            del metadata[field]
    return mine, used


def _without_generated(account: Object) -> bool:
    name, changed = account["metadata"]["name"], False
    for field in ("secrets", "imagePullSecrets"):
        held = account.pop(field, None) or []
        kept = [
            each
            for each in held
            if not (
                str(each.get("name", "")).startswith(name)
                and _GENERATED.fullmatch(str(each["name"]), len(name))
            )
        ]
        if kept:
            account[field] = kept
        changed |= kept != held
    return changed


def _renamed_token_volumes(pod: Object) -> bool:
    spec = pod.get("spec") or {}
    volumes = spec.get("volumes") or []
    names = {
        each["name"]: f"token volume {number}"
        for number, each in enumerate(volumes)
        if _RANDOM.fullmatch(each.get("name", "")) and ("projected" in each or "secret" in each)
    }
    mounts = [
        mount
        for part in ("containers", "initContainers")
        for container in spec.get(part) or ()
        for mount in container.get("volumeMounts") or ()
    ]
    for each in (*volumes, *mounts):
        each["name"] = names.get(each.get("name"), each.get("name"))
    return bool(names)


def _without_wait(pod: Object) -> bool:
    spec = pod.get("spec") or {}
    held = spec.pop("initContainers", None) or []
    kept = [
        each
        for each in held
        if each.get("name") not in ("restore-wait", "restic-wait")
        or "restore-helper" not in f"{each.get('image')} {each.get('command')}"
    ]
    if kept:
        spec["initContainers"] = kept
    return len(kept) < len(held)


def owners(obj: Object) -> set[tuple[str, str]]:
    """The owners of an object as (identity, name)."""
    return {
        (identity(each), str(each["name"])) for each in obj["metadata"].get("ownerReferences") or ()
    }


def excused(
    entries: Iterable[AllowedDifference],
    recorded: Object,
    parts: tuple[str, ...],
    was: Any,
    now: Any,
) -> AllowedDifference | None:
    """The first entry that covers a difference."""
    return next((each for each in entries if each.covers(recorded, parts, was, now)), None)
