"""The rules of a Pod spec, in a Pod or a template.

Source: pkg/apis/core/validation/validation.go (`ValidatePodSpec` and what it calls).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from resilience.sandbox.apiserver.validation import container_rules, metadata_names
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.refusals import Cause

_SYSCTL = re.compile(r"^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$")


def check(spec: dict[str, Any], where: str, claims: Collection[str] = ()) -> list[Cause]:
    """Causes in a Pod spec at path `where` ("spec", "spec.template.spec").

    `claims` names the volumes that a StatefulSet's claim templates add to each Pod."""
    causes: list[Cause] = []
    volumes = _volumes(spec, where, causes) | set(claims)
    _containers(spec, where, volumes, causes)
    _life(spec, where, causes)
    causes += metadata_names.pairs(spec.get("nodeSelector"), f"{where}.nodeSelector")
    _names(spec, where, causes)
    _sysctls(spec, where, causes)
    for at, toleration in enumerate(spec.get("tolerations") or ()):
        _toleration(toleration, f"{where}.tolerations[{at}]", causes)
    return causes


def _containers(spec: dict[str, Any], where: str, volumes: set[str], causes: list[Cause]) -> None:
    if not spec.get("containers"):
        causes.append(refusals.value_required(f"{where}.containers"))
    seen: set[str] = set()
    for field in ("containers", "initContainers"):
        for at, container in enumerate(spec.get(field) or ()):
            inner = f"{where}.{field}[{at}]"
            container_rules.container(
                container, inner, volumes, causes, init=field == "initContainers"
            )
            name = container.get("name", "")
            if name and name in seen:
                causes.append(refusals.value_duplicate(f"{inner}.name", name))
            seen.add(name)


def _life(spec: dict[str, Any], where: str, causes: list[Cause]) -> None:
    policy = spec.get("restartPolicy")
    if policy not in ("Always", "OnFailure", "Never"):
        causes.append(
            refusals.value_unsupported(
                f"{where}.restartPolicy", policy, ["Always", "OnFailure", "Never"]
            )
        )
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and deadline < 1:
        causes.append(
            refusals.value_invalid(
                f"{where}.activeDeadlineSeconds",
                deadline,
                "must be between 1 and 2147483647, inclusive",
            )
        )


def _names(spec: dict[str, Any], where: str, causes: list[Cause]) -> None:
    for field in ("hostname", "subdomain"):
        if spec.get(field):
            causes += [
                refusals.value_invalid(f"{where}.{field}", spec[field], why)
                for why in metadata_names.is_label(spec[field])
            ]
    for field in ("nodeName", "serviceAccountName"):
        if spec.get(field):
            causes += [
                refusals.value_invalid(f"{where}.{field}", spec[field], why)
                for why in metadata_names.is_subdomain(spec[field])
            ]


def _sysctls(spec: dict[str, Any], where: str, causes: list[Cause]) -> None:
    for at, entry in enumerate((spec.get("securityContext") or {}).get("sysctls") or ()):
        name = entry.get("name", "")
        if name and (len(name) > 253 or not _SYSCTL.match(name)):
            causes.append(
                refusals.value_invalid(
                    f"{where}.securityContext.sysctls[{at}].name",
                    name,
                    f"must have at most 253 characters and match regex {_SYSCTL.pattern}",
                )
            )


def _volumes(spec: dict[str, Any], where: str, causes: list[Cause]) -> set[str]:
    seen: set[str] = set()
    for at, volume in enumerate(spec.get("volumes") or ()):
        inner = f"{where}.volumes[{at}]"
        name = volume.get("name", "")
        causes += [
            refusals.value_invalid(f"{inner}.name", name, why)
            for why in (metadata_names.is_label(name) if name else ())
        ]
        if name in seen:
            causes.append(refusals.value_duplicate(f"{inner}.name", name))
        seen.add(name)
        sources = sorted(set(volume) - {"name"})
        if not sources:
            causes.append(refusals.value_required(inner, "must specify a volume type"))
        causes += [
            refusals.value_forbidden(f"{inner}.{extra}", "may not specify more than 1 volume type")
            for extra in sources[1:]
        ]
        if len(sources) > 1:
            continue
        claim = volume.get("persistentVolumeClaim")
        if claim is not None and not claim.get("claimName"):
            causes.append(refusals.value_required(f"{inner}.persistentVolumeClaim.claimName"))
        if "secret" in volume and not (volume["secret"] or {}).get("secretName"):
            causes.append(refusals.value_required(f"{inner}.secret.secretName"))
        if "configMap" in volume and not (volume["configMap"] or {}).get("name"):
            causes.append(refusals.value_required(f"{inner}.configMap.name"))
    return seen


def _toleration(value: dict[str, Any], where: str, causes: list[Cause]) -> None:
    operator = value.get("operator") or "Equal"
    if not value.get("key") and operator != "Exists":
        causes.append(
            refusals.value_invalid(
                f"{where}.operator",
                operator,
                'operator must be Exists when `key` is empty, which means "match all values and all'
                ' keys"',
            )
        )
    if operator == "Exists" and value.get("value"):
        causes.append(
            refusals.value_invalid(
                f"{where}.operator", value, "value must be empty when `operator` is 'Exists'"
            )
        )
    if value.get("tolerationSeconds") is not None and value.get("effect") != "NoExecute":
        causes.append(
            refusals.value_invalid(
                f"{where}.effect",
                value.get("effect") or "",
                "effect must be 'NoExecute' when `tolerationSeconds` is set",
            )
        )
