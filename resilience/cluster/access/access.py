"""The location of a cluster and how to authenticate: one small value, regardless of its source.

`plain` reads a kubeconfig whose context uses only a token and a CA, such as every sandbox's, with
PyYAML alone. Everything else (exec plugins, auth providers, client certificates, several merged
files, in-cluster) is loaded by the official client in `cluster.access.official`, which takes half a
second to import and is therefore tried last.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from resilience.cluster.access.access_value import IN_CLUSTER as IN_CLUSTER
from resilience.cluster.access.access_value import Access as Access
from resilience.cluster.access.access_value import NoAccess as NoAccess
from resilience.cluster.access.access_value import no_token, read
from resilience.cluster.access.credential import Credential


def files(kubeconfig: str = "", environment: Mapping[str, str] | None = None) -> tuple[Path, ...]:
    """The kubeconfig files, found as kubectl finds them: named, `KUBECONFIG`, ~/.kube/config."""
    environment = os.environ if environment is None else environment
    if kubeconfig:
        return (Path(kubeconfig).expanduser(),)
    listed = environment.get("KUBECONFIG", "")
    if listed:
        return tuple(Path(part) for part in listed.split(os.pathsep) if part)
    return (Path(environment.get("HOME", "~")).expanduser() / ".kube" / "config",)


def contexts(kubeconfig: str = "") -> frozenset[str]:
    """The names of all contexts in the kubeconfig files. NoAccess if none of them is there."""
    paths = files(kubeconfig)
    there = [path for path in paths if path.exists()] or paths[:1]
    entries = (entry for path in there for entry in read(path).get("contexts") or ())
    return frozenset(str(each.get("name")) for each in entries if isinstance(each, dict))


def load(context: str, kubeconfig: str = "") -> Access:
    """Access of that context; "" is the kubeconfig's current one. Raises NoAccess, which says what
    is missing."""
    found = _loaded(context, kubeconfig)

    def again() -> Callable[[], str]:
        fresh = _loaded(found.context, kubeconfig)
        if fresh.server != found.server:  # its credential is not for this server
            raise NoAccess(f"context {found.context!r} leads to {fresh.server} now")
        return fresh.authorization

    credential = Credential(found.authorization, again)
    return replace(found, authorization=credential, renewed=credential.renewed)


def _loaded(context: str, kubeconfig: str) -> Access:
    if context == IN_CLUSTER:
        from resilience.cluster.access import official

        return official.in_cluster()
    paths = files(kubeconfig)
    if len(paths) == 1:
        found = plain(paths[0], context)
        if found is not None:
            return found
    from resilience.cluster.access import official

    return official.from_kubeconfig(paths, context)


def plain(path: Path, context: str = "") -> Access | None:
    """Access when the context uses only token and CA; None when it uses more."""
    config = read(path)
    name = context or str(config.get("current-context") or "")
    chosen = _named(config, "contexts", name, path).get("context") or {}
    cluster = _named(config, "clusters", str(chosen.get("cluster")), path).get("cluster") or {}
    user = _named(config, "users", str(chosen.get("user")), path).get("user") or {}
    if set(cluster) - {"server", "certificate-authority-data"} or set(user) - {"token"}:
        return None
    token = str(user.get("token") or "")
    return Access(
        context=name,
        server=str(cluster.get("server") or "").rstrip("/"),
        ca_data=_decode(cluster.get("certificate-authority-data"), path),
        authorization=(lambda: f"Bearer {token}") if token else no_token,
        namespace=str(chosen.get("namespace") or ""),
    )


def _named(config: Mapping[str, Any], kind: str, name: str, path: Path) -> Mapping[str, Any]:
    entries = [entry for entry in config.get(kind) or () if isinstance(entry, dict)]
    for entry in entries:
        if entry.get("name") == name:
            return entry
    known = ", ".join(sorted(str(entry.get("name")) for entry in entries)) or "none"
    raise NoAccess(f"kubeconfig {path} has no {kind[:-1]} {name!r}; it has: {known}")


def _decode(data: Any, path: Path) -> str:
    try:
        return base64.b64decode(str(data or ""), validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        raise NoAccess(f"kubeconfig {path}: certificate-authority-data is not base64") from None
