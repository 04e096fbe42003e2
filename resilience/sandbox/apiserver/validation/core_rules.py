"""The rules of Pods, Services, ConfigMaps, Secrets, claims, budgets, bindings and small kinds.

Sources: pkg/apis/{core,policy,rbac,storage,scheduling,autoscaling,coordination}/validation.
"""

from __future__ import annotations

import re
from typing import Any

from resilience.sandbox.apiserver.validation import container_rules, metadata_names, pod_spec
from resilience.sandbox.apiserver.validation.workload_rules import share
from resilience.sandbox.kube import quantity, refusals
from resilience.sandbox.kube.refusals import Cause
from resilience.sandbox.store.store import clone

Obj = dict[str, Any]
_KEY = re.compile(r"^[-._a-zA-Z0-9]+$")
_LARGEST = 1024 * 1024
POD_MESSAGE = (
    "pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions"
    " to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it"
    " was previously negative)"
)


def pod(obj: Obj, old: Obj | None) -> list[Cause]:
    causes = pod_spec.check(obj["spec"], "spec")
    if old is None:
        return causes + _new_pod(obj["spec"])
    before, after = clone(old["spec"]), clone(obj["spec"])
    for field in ("containers", "initContainers"):
        for was, now in zip(before.get(field) or (), after.get(field) or (), strict=False):
            was["image"] = now.get("image")
            was["imagePullPolicy"] = now.get("imagePullPolicy")
    had, has = before.pop("tolerations", None) or [], after.pop("tolerations", None) or []
    before.pop("activeDeadlineSeconds", None)
    after.pop("activeDeadlineSeconds", None)
    if before.get("schedulingGates"):
        for field in ("schedulingGates", "nodeSelector"):
            before.pop(field, None)
            after.pop(field, None)
    if (before.get("ephemeralContainers") or []) == (after.get("ephemeralContainers") or [])[
        : len(before.get("ephemeralContainers") or [])
    ]:
        before.pop("ephemeralContainers", None)
        after.pop("ephemeralContainers", None)
    grace = before.get("terminationGracePeriodSeconds")
    if grace is not None and grace < 0 and after.get("terminationGracePeriodSeconds") == 1:
        before["terminationGracePeriodSeconds"] = 1
    if before != after or any(entry not in has for entry in had):
        causes.append(refusals.value_forbidden("spec", POD_MESSAGE))
    return causes


def _new_pod(spec: Obj) -> list[Cause]:
    """Fields that only an existing Pod may have."""
    causes = []
    if spec.get("ephemeralContainers"):
        causes.append(
            refusals.value_forbidden("spec.ephemeralContainers", "cannot be set on create")
        )
    if spec.get("nodeName") and spec.get("schedulingGates"):
        causes.append(
            refusals.value_forbidden(
                "spec.nodeName", "cannot be set until all schedulingGates have been cleared"
            )
        )
    return causes


def service(obj: Obj, old: Obj | None) -> list[Cause]:
    spec = obj["spec"]
    causes = metadata_names.pairs(spec.get("selector"), "spec.selector")
    ports, kind = spec.get("ports") or (), spec.get("type")
    if kind == "ExternalName":
        target = spec.get("externalName") or ""
        if not target:
            causes.append(refusals.value_required("spec.externalName"))
        else:
            causes += [
                refusals.value_invalid("spec.externalName", target, why)
                for why in metadata_names.is_subdomain(target.rstrip("."))
            ]
    elif not ports and spec.get("clusterIP") != "None":
        causes.append(refusals.value_required("spec.ports"))
    seen_names: set[str] = set()
    seen: set[tuple[Any, Any]] = set()
    for at, port in enumerate(ports):
        causes += _service_port(port, f"spec.ports[{at}]", many=len(ports) > 1, seen=seen_names)
        key = (port.get("port"), port.get("protocol"))
        if key in seen:
            causes.append(refusals.value_duplicate(f"spec.ports[{at}]", port))
        seen.add(key)
    if kind in ("NodePort", "LoadBalancer") and spec.get("clusterIP") == "None":
        causes.append(
            refusals.value_invalid(
                "spec.clusterIPs[0]",
                "None",
                "may not be set to 'None' for LoadBalancer services"
                if kind == "LoadBalancer"
                else "may not be set to 'None' for NodePort services",
            )
        )
    return causes


def _service_port(port: Obj, where: str, *, many: bool, seen: set[str]) -> list[Cause]:
    causes = []
    name = port.get("name") or ""
    if many and not name:
        causes.append(refusals.value_required(f"{where}.name"))
    elif name:
        causes += [
            refusals.value_invalid(f"{where}.name", name, why)
            for why in metadata_names.is_label(name)
        ]
        if name in seen:
            causes.append(refusals.value_duplicate(f"{where}.name", name))
        seen.add(name)
    number, target = port.get("port"), port.get("targetPort")
    if number is not None and not 0 < number < 65536:
        causes.append(
            refusals.value_invalid(
                f"{where}.port", number, "must be between 1 and 65535, inclusive"
            )
        )
    if isinstance(target, int) and not 0 < target < 65536:
        causes.append(
            refusals.value_invalid(
                f"{where}.targetPort", target, "must be between 1 and 65535, inclusive"
            )
        )
    elif isinstance(target, str):
        causes += [
            refusals.value_invalid(f"{where}.targetPort", target, why)
            for why in container_rules.port_name(target)
        ]
    return causes


def config_map(obj: Obj, old: Obj | None) -> list[Cause]:
    causes, total = [], 0
    data, binary = obj.get("data") or {}, obj.get("binaryData") or {}
    for where, values in (("data", data), ("binaryData", binary)):
        for key, value in values.items():
            causes += _data_key(where, key)
            total += len(value.encode(errors="replace"))
    for key in sorted(set(data) & set(binary)):
        causes.append(
            refusals.value_invalid(f"data[{key}]", key, "duplicate of key present in binaryData")
        )
    if total > _LARGEST:
        causes.append(refusals.value_too_long("", _LARGEST))
    return causes + _frozen(obj, old, ("data", "binaryData"))


def _data_key(where: str, key: str) -> list[Cause]:
    if _KEY.match(key) and key not in (".", "..") and len(key) <= 253:
        return []
    return [
        refusals.value_invalid(
            f"{where}[{key}]",
            key,
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g."
            " 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is"
            " '[-._a-zA-Z0-9]+')",
        )
    ]


def _frozen(obj: Obj, old: Obj | None, fields: tuple[str, ...]) -> list[Cause]:
    if old is None or not old.get("immutable"):
        return []
    causes = []
    if not obj.get("immutable"):
        causes.append(
            refusals.value_forbidden("immutable", "field is immutable when `immutable` is set")
        )
    return causes + [
        refusals.value_forbidden(field, "field is immutable when `immutable` is set")
        for field in fields
        if obj.get(field) != old.get(field)
    ]


def secret(obj: Obj, old: Obj | None) -> list[Cause]:
    causes, total = [], 0
    for key, value in (obj.get("data") or {}).items():
        causes += _data_key("data", key)
        total += len(value) * 3 // 4
    if total > _LARGEST:
        causes.append(refusals.value_too_long("data", _LARGEST))
    if old is not None and obj.get("type") != old.get("type"):
        causes.append(refusals.value_invalid("type", obj.get("type"), "field is immutable"))
    required = {
        "kubernetes.io/tls": ("tls.crt", "tls.key"),
        "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    }
    for key in required.get(obj.get("type", ""), ()):
        if key not in (obj.get("data") or {}):
            causes.append(refusals.value_required(f"data[{key}]"))
    return causes + _frozen(obj, old, ("data",))


def budget(obj: Obj, old: Obj | None) -> list[Cause]:
    spec = obj.get("spec") or {}
    least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
    causes = []
    if least is not None and most is not None:
        causes.append(
            refusals.value_invalid(
                "spec",
                {
                    "MinAvailable": least,
                    "Selector": spec.get("selector"),
                    "MaxUnavailable": most,
                    "UnhealthyPodEvictionPolicy": spec.get("unhealthyPodEvictionPolicy"),
                },
                "minAvailable and maxUnavailable cannot be both set",
            )
        )
    for field, value in (("minAvailable", least), ("maxUnavailable", most)):
        if value is None:
            continue
        causes += share(value, f"spec.{field}")
        if (
            isinstance(value, str)
            and value.endswith("%")
            and value[:-1].isdigit()
            and (int(value[:-1]) > 100)
        ):
            causes.append(
                refusals.value_invalid(f"spec.{field}", value, "must not be greater than 100%")
            )
    return causes + metadata_names.selector(spec.get("selector"), "spec.selector")


def claim(obj: Obj, old: Obj | None) -> list[Cause]:
    spec = obj.get("spec") or {}
    causes = []
    if not spec.get("accessModes"):
        causes.append(
            refusals.value_required("spec.accessModes", "at least 1 access mode is required")
        )
    requests = (spec.get("resources") or {}).get("requests") or {}
    if "storage" not in requests:
        causes.append(refusals.value_required("spec.resources[storage]"))
    causes += container_rules.resources(spec.get("resources") or {}, "spec.resources")
    if old is not None:
        before, after = clone(old.get("spec") or {}), clone(spec)
        if (obj.get("status") or {}).get("phase") == "Bound":
            for value in (before, after):
                value.pop("volumeAttributesClassName", None)
                (value.get("resources") or {}).pop("requests", None)
        if not before.get("volumeName"):
            before.pop("volumeName", None)
            after.pop("volumeName", None)
        if before.get("storageClassName") is None:
            after.pop("storageClassName", None)
        if before != after:
            causes.append(
                refusals.value_forbidden(
                    "spec",
                    "spec is immutable after creation except resources.requests and"
                    " volumeAttributesClassName for bound claims",
                )
            )
        causes += _shrinks(obj, old)
    return causes


def _shrinks(obj: Obj, old: Obj) -> list[Cause]:
    """A claim may only ask for less again while its volume did not grow
    (pkg/apis/core/validation, ValidatePersistentVolumeClaimUpdate)."""
    asked = [(each["spec"].get("resources") or {}).get("requests") for each in (old, obj)]
    has = (old.get("status") or {}).get("capacity")
    was, wanted, held = (
        quantity.parse_or_none((each or {}).get("storage")) or 0 for each in (*asked, has)
    )
    if wanted >= was or wanted > held:
        return []
    where = "spec.resources.requests.storage"
    return [refusals.value_forbidden(where, "field can not be less than status.capacity")]


def volume(obj: Obj, old: Obj | None) -> list[Cause]:
    spec = obj.get("spec") or {}
    causes = []
    if not spec.get("accessModes"):
        causes.append(refusals.value_required("spec.accessModes"))
    if "storage" not in (spec.get("capacity") or {}):
        causes.append(refusals.value_required("spec.capacity"))
    known = {
        "capacity",
        "accessModes",
        "claimRef",
        "persistentVolumeReclaimPolicy",
        "storageClassName",
        "mountOptions",
        "volumeMode",
        "nodeAffinity",
        "volumeAttributesClassName",
    }
    sources = sorted(set(spec) - known)
    if not sources:
        causes.append(refusals.value_required("spec", "must specify a volume type"))
    elif old is not None:
        before = old.get("spec") or {}
        if any(before.get(source) != spec.get(source) for source in sources):
            causes.append(
                refusals.value_forbidden(
                    "spec.persistentvolumesource",
                    "spec.persistentvolumesource is immutable after creation",
                )
            )
    return causes


def storage_class(obj: Obj, old: Obj | None) -> list[Cause]:
    if old is None:
        return []
    return [
        refusals.value_forbidden(field, f"updates to {field} are forbidden.")
        for field in ("provisioner", "parameters", "reclaimPolicy", "volumeBindingMode")
        if obj.get(field) != old.get(field)
    ]


def priority_class(obj: Obj, old: Obj | None) -> list[Cause]:
    causes = []
    if old is not None and obj.get("value") != old.get("value"):
        causes.append(refusals.value_forbidden("value", "may not be changed in an update."))
    name = obj["metadata"]["name"]
    known = ("system-node-critical", "system-cluster-critical")
    if name.startswith("system-") and name not in known:
        causes.append(
            refusals.value_forbidden(
                "metadata.name",
                "priority class names with 'system-' prefix are reserved for system use only."
                f" error: {name} is not a known system priority class",
            )
        )
    elif name not in known and obj.get("value", 0) > 1_000_000_000:
        causes.append(
            refusals.value_forbidden(
                "value", "maximum allowed value of a user defined priority is 1000000000"
            )
        )
    return causes


def autoscaler(obj: Obj, old: Obj | None) -> list[Cause]:
    spec = obj.get("spec") or {}
    least, most = spec.get("minReplicas"), spec.get("maxReplicas", 0)
    causes = []
    if least is not None and least < 1:
        causes.append(
            refusals.value_invalid("spec.minReplicas", least, "must be greater than or equal to 1")
        )
    if most < 1:
        causes.append(refusals.value_required("spec.maxReplicas", "must be set and greater than 0"))
    if least is not None and most < least:
        causes.append(
            refusals.value_invalid(
                "spec.maxReplicas", most, "must be greater than or equal to `minReplicas`"
            )
        )
    if not (spec.get("scaleTargetRef") or {}).get("apiVersion"):
        causes.append(
            refusals.value_invalid(
                "spec.scaleTargetRef.apiVersion", "", "apiVersion must specify API group"
            )
        )
    return causes


def lease(obj: Obj, old: Obj | None) -> list[Cause]:
    spec = obj.get("spec") or {}
    seconds, changes = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
    causes = []
    if seconds is not None and seconds <= 0:
        causes.append(
            refusals.value_invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0")
        )
    if changes is not None and changes < 0:
        causes.append(
            refusals.value_invalid(
                "spec.leaseTransitions", changes, "must be greater than or equal to 0"
            )
        )
    return causes


def role(obj: Obj, old: Obj | None) -> list[Cause]:
    """Each rule is either about resources or about URLs."""
    causes = []
    for at, rule in enumerate(obj.get("rules") or ()):
        where = f"rules[{at}]"
        if not rule.get("verbs"):
            causes.append(
                refusals.value_required(f"{where}.verbs", "verbs must contain at least one value")
            )
        if rule.get("nonResourceURLs"):
            if obj["kind"] == "Role":
                causes.append(
                    refusals.value_invalid(
                        f"{where}.nonResourceURLs",
                        rule["nonResourceURLs"],
                        "namespaced rules cannot apply to non-resource URLs",
                    )
                )
            continue
        for field, what in (("apiGroups", "api group"), ("resources", "resource")):
            if not rule.get(field):
                causes.append(
                    refusals.value_required(
                        f"{where}.{field}", f"resource rules must supply at least one {what}"
                    )
                )
    return causes
