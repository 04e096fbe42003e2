"""Where a cluster is and how to be let in: one small value, whatever it was read from.

`plain` reads a kubeconfig whose chosen context needs nothing but a token and a CA, such as every
sandbox's, with PyYAML alone. Everything else (exec plugins, auth providers, client certificates,
several merged files, in-cluster) is loaded by the official client in `resilience.cluster.access.official`,
which costs half a second to import and is therefore asked last.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from resilience.cluster.access.credential import Credential
from resilience.cluster.errors import ClusterError

IN_CLUSTER = "in-cluster"
"""Reserved context name: the ServiceAccount of the Pod that we run in."""


class NoAccess(ClusterError):
    """The kubeconfig cannot be read, or does not hold what was asked for."""


def no_token() -> str:
    """For servers that ask for none, or know us by a client certificate."""
    return ""


def never(_: str) -> bool:
    """A credential that cannot be replaced."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """`authorization` gives the header's value, asked anew for each request so that it can expire.

    `ca_data` is PEM text and wins over `ca_file`; both empty: the system's authorities.
    `certificate` is (certificate file, key file). `namespace` is the context's own default.
    `ended` says why the cluster is gone for good, "" while it is not.
    """

    context: str
    server: str
    ca_data: str = ""
    ca_file: str = ""
    verify: bool = True
    server_name: str = ""
    authorization: Callable[[], str] = field(default=no_token, repr=False)
    renewed: Callable[[str], bool] = field(default=never, repr=False)
    certificate: tuple[str, str] | None = None
    proxy: str = ""
    namespace: str = ""
    sandbox: bool = False
    ended: Callable[[], str] = field(default=no_token, repr=False)


def files(kubeconfig: str = "", environment: Mapping[str, str] | None = None) -> tuple[Path, ...]:
    """The files that count, as kubectl finds them: named, `KUBECONFIG`, ~/.kube/config."""
    environment = os.environ if environment is None else environment
    if kubeconfig:
        return (Path(kubeconfig).expanduser(),)
    listed = environment.get("KUBECONFIG", "")
    if listed:
        return tuple(Path(part) for part in listed.split(os.pathsep) if part)
    return (Path(environment.get("HOME", "~")).expanduser() / ".kube" / "config",)


def load(context: str, kubeconfig: str = "") -> Access:
    """Access of that context; "" is the kubeconfig's current one. NoAccess says what is missing."""
    found = _loaded(context, kubeconfig)

    def again() -> Callable[[], str]:
        return _loaded(found.context, kubeconfig).authorization

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
    """Access when token and CA are all that the context uses; None when it takes more than that."""
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


def read(path: Path) -> Mapping[str, Any]:
    """One kubeconfig file as a mapping."""
    import yaml

    try:
        content = yaml.load(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except FileNotFoundError:
        raise NoAccess(
            f"kubeconfig {path} does not exist; name one in KUBECONFIG or with"
            " --resilience-kubeconfig (--kubeconfig of the `resilience` command)"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise NoAccess(f"kubeconfig {path} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise NoAccess(f"kubeconfig {path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise NoAccess(f"kubeconfig {path} is not a mapping")
    return content


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
