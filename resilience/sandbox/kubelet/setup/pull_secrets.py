"""A Pod's pull secrets: which logins they hold for the registry of an image.

Docker's two file formats (`.dockerconfigjson`, `.dockercfg`), keys by host and path, as the kubelet
reads them (pkg/credentialprovider/config.go, keyring.go). A Secret that is missing or cannot be
read is skipped, as in the kubelet.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kubelet.setup.references import References, data_of

_HUB = {"index.docker.io": "docker.io"}


@dataclass(frozen=True, slots=True)
class Held:
    """`logins` are "USER:PASSWORD" for the image's registry; `missing` names Secrets that do not
    exist."""

    logins: frozenset[str]
    missing: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The kubelet's event."""
        names = ", ".join(self.missing)
        return (
            f"Unable to retrieve some image pull secrets ({names}); attempting to pull the image"
            " may not succeed."
        )

    @property
    def denial(self) -> str:
        """Why the registry refused, in containerd's words."""
        if self.logins:
            return "authorization failed: unexpected status: 401 Unauthorized"
        return "authorization failed: no basic auth credentials"


async def logins(pod: Obj, references: References, image: str) -> Held:
    """For an image reference in its full form."""
    found, missing, namespace = set[str](), list[str](), pod["metadata"]["namespace"]
    for each in pod["spec"].get("imagePullSecrets") or ():
        secret = await references.find("secrets", namespace, each.get("name", ""))
        if secret is None:
            missing.append(each.get("name", ""))
        else:
            found |= set(_logins(secret, image))
    return Held(frozenset(found), tuple(missing))


def _logins(secret: Obj, image: str) -> Iterator[str]:
    for place, entry in _entries(secret).items():
        if _covers(place, image) and isinstance(entry, dict) and (login := _login(entry)):
            yield login


def _entries(secret: Obj) -> Mapping[str, Any]:
    data = data_of({**secret, "kind": "Secret"})
    try:
        if secret.get("type") == "kubernetes.io/dockercfg":
            found = json.loads(data[".dockercfg"])
        else:
            found = json.loads(data[".dockerconfigjson"])["auths"]
    except (KeyError, TypeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _login(entry: Mapping[str, Any]) -> str:
    if isinstance(entry.get("username"), str) and isinstance(entry.get("password"), str):
        return f"{entry['username']}:{entry['password']}"
    try:
        return base64.b64decode(str(entry.get("auth") or ""), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _covers(place: str, image: str) -> bool:
    """`place` is a registry, optionally with a glob in its host and a path below it."""
    bare = place.partition("://")[2] or place
    host, _, path = bare.partition("/")
    path = path.removeprefix("v1").removeprefix("v2").strip("/")
    theirs, _, rest = image.partition("/")
    inside = not path or rest.startswith(path)
    return fnmatchcase(theirs, _HUB.get(host, host)) and inside
