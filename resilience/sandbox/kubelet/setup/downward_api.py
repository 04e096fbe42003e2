"""The downward API: fields and resources of a Pod as text (`fieldRef`, `resourceFieldRef`)."""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal

from resilience.sandbox.kube.api import Obj

_KEYED = re.compile(r"metadata\.(labels|annotations)\['(.+)'\]")
_UNITS = {
    "": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15, "E": 10**18,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60,
}  # fmt: skip


def field(pod: Obj, path: str, address: str, host_address: str) -> str:
    """`fieldRef.fieldPath` of a Pod; LookupError when there is no such field."""
    meta, spec = pod["metadata"], pod["spec"]
    keyed = _KEYED.fullmatch(path)
    if keyed:
        return str((meta.get(keyed[1]) or {}).get(keyed[2], ""))
    if path in ("metadata.labels", "metadata.annotations"):
        entries = (meta.get(path.removeprefix("metadata.")) or {}).items()
        return "\n".join(f'{key}="{_escape(value)}"' for key, value in sorted(entries))
    fields = {
        "metadata.name": meta["name"],
        "metadata.namespace": meta["namespace"],
        "metadata.uid": meta["uid"],
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", ""),
        "status.podIP": address,
        "status.podIPs": address,
        "status.hostIP": host_address,
        "status.hostIPs": host_address,
    }
    if path not in fields:
        raise LookupError(f"unsupported fieldPath: {path}")
    return str(fields[path])


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def quantity(text: str | int | float) -> Decimal:
    """A resource quantity as a number: "500m" is 0.5, "1Ki" is 1024."""
    match = re.fullmatch(r"([+-]?[0-9.]+(?:[eE][+-]?\d+)?)(m|u|n|[kMGTPE]i?|)", str(text))
    if match is None:
        raise ValueError(f"{text!r} is not a quantity")
    small = {"m": Decimal("1e-3"), "u": Decimal("1e-6"), "n": Decimal("1e-9")}
    return Decimal(match[1]) * (small[match[2]] if match[2] in small else _UNITS[match[2]])


def resource(container: Obj, reference: Obj, allocatable: dict[str, str]) -> str:
    """`resourceFieldRef`: rounded up to whole divisors; an unset limit is the node's."""
    kind, _, name = reference["resource"].partition(".")
    given = container.get("resources", {}).get(kind, {}).get(name)
    if given is None:
        given = allocatable.get(name, "0") if kind == "limits" else "0"
    divisor = quantity(reference.get("divisor") or "1") or Decimal(1)
    return str((quantity(given) / divisor).to_integral_value(ROUND_CEILING))
