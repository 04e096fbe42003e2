"""The token of its ServiceAccount in each Pod: volume `kube-api-access-…` and its mounts.

Source: plugin/pkg/admission/serviceaccount/admission.go (`shouldAutomount`,
`mountServiceAccountToken`, `TokenVolumeSource`). The Pod's own setting takes precedence over its
account's. The name is derived from the spec, because a write that waits for a webhook is repeated
and must be identical.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from resilience.sandbox.apiserver.admission.pod_defaults import Spec, mappings
from resilience.sandbox.kube.api import Obj

PLACE = "/var/run/secrets/kubernetes.io/serviceaccount"
PREFIX = "kube-api-access-"
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_SECONDS = 3607
"""The lifetime by which the real API server recognizes tokens of this volume."""


def add(spec: Spec, account: Obj) -> None:
    """Mount the token in every container without a mount at that path; a second call adds
    nothing."""
    if not _wanted(spec, account):
        return
    known = [str(volume.get("name", "")) for volume in mappings(spec.get("volumes"))]
    name = next((each for each in known if each.startswith(PREFIX)), "")
    fresh = name or PREFIX + _suffix(spec)
    lacking = [
        container
        for field in ("initContainers", "containers")
        for container in mappings(spec.get(field))
        if not _has_place(container)
    ]
    for container in lacking:
        mount = {"name": fresh, "readOnly": True, "mountPath": PLACE}
        container["volumeMounts"] = [*(container.get("volumeMounts") or ()), mount]
    if lacking and not name:
        spec["volumes"] = [*(spec.get("volumes") or ()), {"name": fresh, "projected": _sources()}]


def _suffix(spec: Spec) -> str:
    digest = hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).digest()
    return "".join(_LETTERS[byte % len(_LETTERS)] for byte in digest[:5])


def _has_place(container: Spec) -> bool:
    return any(mount.get("mountPath") == PLACE for mount in mappings(container.get("volumeMounts")))


def _wanted(spec: Spec, account: Obj) -> bool:
    own = spec.get("automountServiceAccountToken")
    return account.get("automountServiceAccountToken") is not False if own is None else bool(own)


def _sources() -> dict[str, Any]:
    field = {"apiVersion": "v1", "fieldPath": "metadata.namespace"}
    return {
        "defaultMode": 0o644,
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": _SECONDS, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt",
                           "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": field}]}},
        ],
    }  # fmt: skip
