"""Tables of core kinds except Pods, and of storage, network and access kinds.

Source: pkg/printers/internalversion/printers.go.
"""

from __future__ import annotations

from typing import Any

from resilience.sandbox.apiserver.tables import cell_texts

Row = list[Any]
_NAME, _AGE = ("Name", "string", 0), ("Age", "string", 0)
_CREATED = ("Created At", "date", 0)


def _text(*names: str, wide: bool = False) -> tuple[tuple[str, str, int], ...]:
    return tuple((name, "string", int(wide)) for name in names)


PLAIN = (_NAME, _AGE)
CREATED = (_NAME, _CREATED)
NAMESPACE = (_NAME, *_text("Status"), _AGE)
CONFIG_MAP = (_NAME, *_text("Data"), _AGE)
SECRET = (_NAME, *_text("Type", "Data"), _AGE)
LEASE = (_NAME, *_text("Holder"), _AGE)
CERTIFICATE_REQUEST = (
    _NAME,
    _AGE,
    *_text("SignerName", "Requestor", "RequestedDuration", "Condition"),
)
NODE = (
    _NAME,
    *_text("Status", "Roles"),
    _AGE,
    *_text("Version"),
    *_text(
        "Internal-IP", "External-IP", "OS-Image", "Kernel-Version", "Container-Runtime", wide=True
    ),
)
EVENT = (
    *_text("Last Seen", "Type", "Reason", "Object"),
    *_text("Subobject", "Source", wide=True),
    *_text("Message"),
    *_text("First Seen", "Count", "Name", wide=True),
)
VOLUME = (
    _NAME,
    *_text(
        "Capacity",
        "Access Modes",
        "Reclaim Policy",
        "Status",
        "Claim",
        "StorageClass",
        "VolumeAttributesClass",
        "Reason",
    ),
    _AGE,
    *_text("VolumeMode", wide=True),
)
CLAIM = (
    _NAME,
    *_text("Status", "Volume", "Capacity", "Access Modes", "StorageClass", "VolumeAttributesClass"),
    _AGE,
    *_text("VolumeMode", wide=True),
)
STORAGE_CLASS = (
    _NAME,
    *_text("Provisioner", "ReclaimPolicy", "VolumeBindingMode", "AllowVolumeExpansion"),
    _AGE,
)
QUOTA = (_NAME, *_text("Request", "Limit"), _AGE)
PRIORITY_CLASS = (
    _NAME,
    ("Value", "integer", 0),
    ("Global-Default", "boolean", 0),
    _AGE,
    *_text("PreemptionPolicy"),
)
BINDING = (_NAME, *_text("Role"), _AGE, *_text("Users", "Groups", "ServiceAccounts", wide=True))


def _name(obj: dict[str, Any]) -> str:
    return str(obj["metadata"]["name"])


def plain(obj: dict[str, Any], now: float) -> Row:
    return [_name(obj), cell_texts.age(obj, now)]


def created(obj: dict[str, Any], now: float) -> Row:
    return [_name(obj), obj["metadata"].get("creationTimestamp") or cell_texts.UNKNOWN]


def namespace(obj: dict[str, Any], now: float) -> Row:
    return [_name(obj), (obj.get("status") or {}).get("phase", ""), cell_texts.age(obj, now)]


def config_map(obj: dict[str, Any], now: float) -> Row:
    count = len(obj.get("data") or ()) + len(obj.get("binaryData") or ())
    return [_name(obj), count, cell_texts.age(obj, now)]


def secret(obj: dict[str, Any], now: float) -> Row:
    return [_name(obj), obj.get("type", ""), len(obj.get("data") or ()), cell_texts.age(obj, now)]


def lease(obj: dict[str, Any], now: float) -> Row:
    return [
        _name(obj),
        (obj.get("spec") or {}).get("holderIdentity") or "",
        cell_texts.age(obj, now),
    ]


def certificate_request(obj: dict[str, Any], now: float) -> Row:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    seconds = spec.get("expirationSeconds")
    found = {entry.get("type") for entry in status.get("conditions") or ()}
    first = next((each for each in ("Denied", "Approved") if each in found), "Pending")
    also = [each for each in ("Failed",) if each in found]
    also += ["Issued"] if status.get("certificate") else []
    return [
        _name(obj),
        cell_texts.age(obj, now),
        spec.get("signerName") or "<none>",
        spec.get("username") or "",
        "<none>" if seconds is None else cell_texts.duration(seconds),
        ",".join([first, *also]),
    ]


def node(obj: dict[str, Any], now: float) -> Row:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    ready = next(
        (entry for entry in status.get("conditions") or () if entry.get("type") == "Ready"), None
    )
    word = (
        "Unknown" if ready is None else ("Ready" if ready.get("status") == "True" else "NotReady")
    )
    if spec.get("unschedulable"):
        word += ",SchedulingDisabled"
    labels = obj["metadata"].get("labels") or {}
    prefix = "node-role.kubernetes.io/"
    roles = sorted(key[len(prefix) :] for key in labels if key.startswith(prefix))
    if labels.get("kubernetes.io/role"):
        roles.append(labels["kubernetes.io/role"])
    addresses = {entry.get("type"): entry.get("address") for entry in status.get("addresses") or ()}
    info = status.get("nodeInfo") or {}
    return [
        _name(obj),
        word,
        cell_texts.joined(roles),
        cell_texts.age(obj, now),
        info.get("kubeletVersion", ""),
        addresses.get("InternalIP") or cell_texts.NONE,
        addresses.get("ExternalIP") or cell_texts.NONE,
        info.get("osImage") or cell_texts.UNKNOWN,
        info.get("kernelVersion") or cell_texts.UNKNOWN,
        info.get("containerRuntimeVersion") or cell_texts.UNKNOWN,
    ]


def event(obj: dict[str, Any], now: float) -> Row:
    about, source = obj.get("involvedObject") or {}, obj.get("source") or {}
    series = obj.get("series") or {}
    first = cell_texts.since(obj.get("firstTimestamp") or obj.get("eventTime"), now)
    last = cell_texts.since(
        series.get("lastObservedTime") or obj.get("lastTimestamp") or obj.get("eventTime"), now
    )
    count = series.get("count") or obj.get("count") or 1
    where = str(about.get("kind", "")).lower() + (f"/{about['name']}" if about.get("name") else "")
    reporter = source.get("component") or obj.get("reportingComponent") or ""
    host = source.get("host") or obj.get("reportingInstance") or ""
    return [
        last,
        obj.get("type", ""),
        obj.get("reason", ""),
        where,
        about.get("fieldPath", ""),
        f"{reporter}, {host}" if host else reporter,
        str(obj.get("message", "")).strip(),
        first,
        count,
        _name(obj),
    ]


def volume(obj: dict[str, Any], now: float) -> Row:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    claim = spec.get("claimRef") or {}
    phase = "Terminating" if "deletionTimestamp" in obj["metadata"] else status.get("phase", "")
    return [
        _name(obj),
        str((spec.get("capacity") or {}).get("storage", "")),
        cell_texts.access_modes(spec.get("accessModes")),
        spec.get("persistentVolumeReclaimPolicy", ""),
        phase,
        f"{claim.get('namespace', '')}/{claim.get('name', '')}" if claim else "",
        spec.get("storageClassName") or "",
        spec.get("volumeAttributesClassName") or cell_texts.UNSET,
        status.get("reason", ""),
        cell_texts.age(obj, now),
        spec.get("volumeMode") or cell_texts.UNSET,
    ]


def claim(obj: dict[str, Any], now: float) -> Row:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    phase = "Terminating" if "deletionTimestamp" in obj["metadata"] else status.get("phase", "")
    bound = bool(spec.get("volumeName"))
    return [
        _name(obj),
        phase,
        spec.get("volumeName") or "",
        str((status.get("capacity") or {}).get("storage", "")) if bound else "",
        cell_texts.access_modes(status.get("accessModes")) if bound else "",
        spec.get("storageClassName") or "",
        spec.get("volumeAttributesClassName") or cell_texts.UNSET,
        cell_texts.age(obj, now),
        spec.get("volumeMode") or cell_texts.UNSET,
    ]


def storage_class(obj: dict[str, Any], now: float) -> Row:
    annotations = obj["metadata"].get("annotations") or {}
    default = annotations.get("storageclass.kubernetes.io/is-default-class") == "true"
    return [
        _name(obj) + (" (default)" if default else ""),
        obj.get("provisioner", ""),
        obj.get("reclaimPolicy") or "Delete",
        obj.get("volumeBindingMode") or "Immediate",
        "true" if obj.get("allowVolumeExpansion") else "false",
        cell_texts.age(obj, now),
    ]


def quota(obj: dict[str, Any], now: float) -> Row:
    status = obj.get("status") or {}
    hard, used = status.get("hard") or {}, status.get("used") or {}
    requests: list[str] = []
    limits: list[str] = []
    for name in sorted(hard):
        text = f"{name}: {used.get(name, '0')}/{hard[name]}"
        (limits if name.startswith("limits.") else requests).append(text)
    return [_name(obj), ", ".join(requests), ", ".join(limits), cell_texts.age(obj, now)]


def priority_class(obj: dict[str, Any], now: float) -> Row:
    return [
        _name(obj),
        obj.get("value", 0),
        bool(obj.get("globalDefault")),
        cell_texts.age(obj, now),
        obj.get("preemptionPolicy", ""),
    ]


def binding(obj: dict[str, Any], now: float) -> Row:
    reference = obj.get("roleRef") or {}
    by_kind: dict[str, list[str]] = {"User": [], "Group": [], "ServiceAccount": []}
    for subject in obj.get("subjects") or ():
        kind, name = subject.get("kind"), subject.get("name", "")
        if kind == "ServiceAccount":
            name = f"{subject.get('namespace', '')}/{name}"
        by_kind.setdefault(kind, []).append(name)
    return [
        _name(obj),
        f"{reference.get('kind', '')}/{reference.get('name', '')}",
        cell_texts.age(obj, now),
        ", ".join(by_kind["User"]),
        ", ".join(by_kind["Group"]),
        ", ".join(by_kind["ServiceAccount"]),
    ]
