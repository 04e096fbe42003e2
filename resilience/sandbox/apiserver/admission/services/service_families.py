"""The address families of Services, on a cluster that has IPv4 addresses only.

Sources: pkg/registry/core/service/storage/{storage,alloc}.go (normalizeClusterIPs,
initIPFamilyFields) and ValidateServiceClusterIPsRelatedFields in pkg/apis/core/validation. A
Service that is headless and selects no Pods may have either family: others write its endpoints.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from typing import Any

from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.refusals import Cause

Spec = dict[str, Any]
WITH_IP = ("ClusterIP", "NodePort", "LoadBalancer")
FIELDS = ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy")
_FAMILIES = {4: "IPv4", 6: "IPv6"}
_HERE = "IPv4"
_SINGLE, _PREFERRED, _REQUIRED = "SingleStack", "PreferDualStack", "RequireDualStack"
_POLICIES = (_PREFERRED, _REQUIRED, _SINGLE)


def settle(spec: Spec, old: Spec) -> list[Cause]:
    """Fill in the families and their policy; what the API server would refuse of them."""
    if spec.get("type") not in WITH_IP:
        return _without_address(spec, old)
    _join(spec)
    if not spec.get("ipFamilyPolicy"):
        both = _REQUIRED if _is_open(spec) else _SINGLE
        spec["ipFamilyPolicy"] = old.get("ipFamilyPolicy") or both
    causes = [*_malformed(spec)] or [*_mismatched(spec)]
    if causes:
        return causes
    if _is_open(spec):
        _widen(spec)
        return []
    causes = [*_absent(spec)]
    if not causes and not spec.get("ipFamilies"):
        spec["ipFamilies"] = [_HERE]
    return causes


def _without_address(spec: Spec, old: Spec) -> list[Cause]:
    """An ExternalName has none of these fields; those of an earlier type go by themselves."""
    changed = [field for field in FIELDS[1:] if spec.get(field) and spec[field] != old.get(field)]
    if spec.get("clusterIP") and spec["clusterIP"] != old.get("clusterIP"):
        changed = ["clusterIPs", *(field for field in changed if field != "clusterIPs")]
    for field in FIELDS:
        spec.pop(field, None)
    why = "may not be set for ExternalName services"
    return [refusals.value_forbidden(f"spec.{field}", why) for field in changed]


def _join(spec: Spec) -> None:
    """Clients that know only `clusterIP` mean `clusterIPs` as well."""
    if spec.get("clusterIP") and not spec.get("clusterIPs"):
        spec["clusterIPs"] = [spec["clusterIP"]]


def _malformed(spec: Spec) -> Iterator[Cause]:
    """What is wrong with the fields on any cluster."""
    address, listed = spec.get("clusterIP"), _list(spec, "clusterIPs")
    where = "spec.clusterIPs"
    if address and listed[:1] != [address]:
        yield refusals.value_invalid(where, listed, "first value must match `clusterIP`")
    elif listed and not address:
        why = "must be empty when `clusterIP` is not specified"
        yield refusals.value_invalid(where, listed, why)
    for at, family in enumerate(families := _list(spec, "ipFamilies")):
        if family not in _FAMILIES.values():
            allowed = sorted(_FAMILIES.values())
            yield refusals.value_unsupported(f"spec.ipFamilies[{at}]", family, allowed)
        if family in families[:at]:
            yield refusals.value_duplicate(f"spec.ipFamilies[{at}]", family)
    if spec["ipFamilyPolicy"] not in _POLICIES:
        policy = spec["ipFamilyPolicy"]
        yield refusals.value_unsupported("spec.ipFamilyPolicy", policy, _POLICIES)
    yield from _malformed_addresses(where, listed)


def _malformed_addresses(where: str, listed: Sequence[Any]) -> Iterator[Cause]:
    if listed[:1] == ["None"]:
        if len(listed) > 1:
            yield refusals.value_invalid(where, listed, "'None' must be the first and only value")
        return
    found = [_family(each) for each in listed]
    for at, family in enumerate(found):
        if not family:
            why = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
            yield refusals.value_invalid(f"{where}[{at}]", listed[at], why)
    if len(found) > 2:
        yield refusals.value_invalid(where, listed, "may only hold up to 2 values")
    if all(found) and len(found) > 1 and len(set(found)) == 1:
        why = "may specify no more than one IP for each IP family"
        yield refusals.value_invalid(where, listed, why)


def _mismatched(spec: Spec) -> Iterator[Cause]:
    """Addresses, families and policy that contradict each other."""
    families, policy = _list(spec, "ipFamilies"), spec["ipFamilyPolicy"]
    addresses = [] if _is_headless(spec) else _list(spec, "clusterIPs")
    for at, (address, family) in enumerate(zip(addresses, families, strict=False)):
        if _family(address) != family:
            why = f"expected an {family} value as indicated by `ipFamilies[{at}]`"
            yield refusals.value_invalid(f"spec.clusterIPs[{at}]", address, why)
    for what, values in (("cluster IPs", addresses), ("IP families", families)):
        if policy == _SINGLE and len(values) > 1:
            why = f"must be 'RequireDualStack' or 'PreferDualStack' when multiple {what} are"
            yield refusals.value_invalid("spec.ipFamilyPolicy", policy, f"{why} specified")
    for at, address in enumerate(addresses[len(families) :], len(families)):
        if _family(address) != _HERE:
            why = f"{_family(address)} is not configured on this cluster"
            yield refusals.value_invalid(f"spec.clusterIPs[{at}]", addresses, why)


def _absent(spec: Spec) -> Iterator[Cause]:
    """What it demands and this cluster does not have."""
    policy = spec["ipFamilyPolicy"]
    if policy == _REQUIRED:
        why = "this cluster is not configured for dual-stack services"
        yield refusals.value_invalid("spec.ipFamilyPolicy", policy, why)
    for at, family in enumerate(_list(spec, "ipFamilies")):
        if family != _HERE:
            why = "not configured on this cluster"
            yield refusals.value_invalid(f"spec.ipFamilies[{at}]", family, why)


def _widen(spec: Spec) -> None:
    """Both families, unless it wants one only."""
    families = _list(spec, "ipFamilies") or [_HERE]
    if spec["ipFamilyPolicy"] != _SINGLE:
        families += [each for each in _FAMILIES.values() if each not in families]
    spec["ipFamilies"] = families


def _is_headless(spec: Spec) -> bool:
    return spec.get("clusterIP") == "None"


def _is_open(spec: Spec) -> bool:
    """Whether others write its endpoints, so that a family of its own binds nobody."""
    return _is_headless(spec) and not spec.get("selector")


def _family(address: Any) -> str:
    try:
        return _FAMILIES[ipaddress.ip_address(str(address)).version]
    except ValueError:
        return ""


def _list(spec: Spec, field: str) -> list[Any]:
    value = spec.get(field)
    return list(value) if isinstance(value, list) else []
