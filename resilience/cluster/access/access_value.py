"""How to reach one cluster, as a value, and the errors of reading a kubeconfig."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from resilience.cluster.errors import ClusterError
from resilience.model.words import unreadable

IN_CLUSTER = "in-cluster"
"""Reserved context name: the ServiceAccount of this process's own Pod."""


class NoAccess(ClusterError):
    """The kubeconfig cannot be read, or lacks what was requested."""


def no_token() -> str:
    """For servers that require no credential, or accept a client certificate."""
    return ""


def never(_: str) -> bool:
    """A credential that cannot be replaced."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """`authorization` returns the header's value, called for each request because it can expire.

    `ca_data` is PEM text and takes precedence over `ca_file`; both empty: the system's authorities.
    `certificate` is (certificate file, key file). `namespace` is the context's own default. `ended`
    says why the cluster has ended permanently, "" while it has not.
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


def read(path: Path) -> Mapping[str, Any]:
    """One kubeconfig file as a mapping; parsed again only after it has changed."""
    try:
        there = path.stat()
        return _parsed(path, (there.st_ino, there.st_size, there.st_mtime_ns))
    except FileNotFoundError:
        raise NoAccess(
            f"kubeconfig {path} does not exist; name one in KUBECONFIG or with"
            " --resilience-kubeconfig (--kubeconfig of the `resilience` command)"
        ) from None
    except OSError as error:
        raise NoAccess(f"kubeconfig {path} cannot be read: {unreadable(error)}") from error
    except UnicodeDecodeError as error:
        raise NoAccess(f"kubeconfig {path} cannot be read: {error}") from error


@lru_cache(maxsize=16)
def _parsed(path: Path, version: tuple[int, int, int]) -> Mapping[str, Any]:
    """`version` changes with the file. A file for 1,000 clusters takes a second to parse."""
    import yaml

    try:
        content = yaml.load(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise NoAccess(f"kubeconfig {path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise NoAccess(f"kubeconfig {path} is not a mapping")
    return content
