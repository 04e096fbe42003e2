"""Access by the official client's configuration loading: exec plugins, auth providers, in-cluster.

The only module that imports `kubernetes`. It takes the finished `Configuration` (files written,
token and its refresh hook) and none of the client's request code. A plugin that returned no
credential is reported here: the client only logs why, and the server would then answer a bare 401.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from resilience.cluster.access.access_value import IN_CLUSTER, Access, NoAccess, read

NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def in_cluster() -> Access:
    """The ServiceAccount of this process's Pod; its token file is read again as it rotates."""
    from kubernetes import config
    from kubernetes.client import Configuration

    configuration = Configuration()
    try:
        _untyped(config.load_incluster_config)(client_configuration=configuration)
    except (config.ConfigException, OSError) as error:
        raise NoAccess(
            f"context {IN_CLUSTER!r}: this process does not run in a Pod: {error}"
        ) from error
    namespace = NAMESPACE_FILE.read_text().strip() if NAMESPACE_FILE.exists() else ""
    return _access(configuration, IN_CLUSTER, namespace)


def from_kubeconfig(paths: Sequence[Path], context: str) -> Access:
    """The named context, or the current one, of the merged files."""
    from kubernetes import config
    from kubernetes.client import Configuration

    joined = os.pathsep.join(str(path) for path in paths)
    configuration = Configuration()
    try:
        # With a named context, a file without a current one will do, as it does for kubectl.
        name = context or _current(joined)
        with _complaints() as said:
            _untyped(config.load_kube_config)(
                config_file=joined, context=name, client_configuration=configuration
            )
    except (config.ConfigException, OSError, ValueError) as error:
        raise NoAccess(f"kubeconfig {joined}: {error}") from error
    chosen = next(
        entry["context"]
        for path in paths
        if path.exists()
        for entry in read(path).get("contexts") or ()
        if entry.get("name") == name
    )
    _require_credential(paths, name, str(chosen.get("user")), configuration, said)
    return _access(configuration, name, str(chosen.get("namespace") or ""))


def _current(joined: str) -> str:
    from kubernetes import config

    _, current = _untyped(config.list_kube_config_contexts)(config_file=joined)
    return str(current["name"])


def _untyped(function: Any) -> Any:
    """The client claims to be typed, but these functions are not."""
    return function


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """What the client logs about a plugin, instead of a stray line on stderr."""
    said: list[str] = []

    def kept(record: logging.LogRecord) -> bool:
        said.append(record.getMessage())
        return False

    root = logging.getLogger()
    root.addFilter(kept)
    try:
        yield said
    finally:
        root.removeFilter(kept)


def _require_credential(
    paths: Sequence[Path], context: str, user: str, configuration: Any, said: Sequence[str]
) -> None:
    wanted = next(
        (
            entry["user"]["exec"]
            for path in paths
            if path.exists()
            for entry in read(path).get("users") or ()
            if entry.get("name") == user and "exec" in (entry.get("user") or {})
        ),
        None,
    )
    if wanted and not configuration.api_key and not configuration.cert_file:
        command = str(wanted.get("command"))
        if shutil.which(command) is None:
            raise NoAccess(
                f"context {context!r}: its exec plugin {command!r} is not installed, or not in"
                " PATH; install it, or name a context that does without"
            )
        told = f": {' '.join(said[-1].split())}" if said else ""
        raise NoAccess(
            f"context {context!r}: its exec plugin {command!r} gave no credential{told};"
            f" see what `kubectl --context {context} version` says"
        )


def _access(configuration: Any, context: str, namespace: str) -> Access:
    certificate = None
    if configuration.cert_file:
        certificate = (str(configuration.cert_file), str(configuration.key_file))
    return Access(
        context=context,
        server=str(configuration.host).rstrip("/"),
        ca_file=str(configuration.ssl_ca_cert or ""),
        verify=bool(configuration.verify_ssl),
        server_name=str(configuration.tls_server_name or ""),
        authorization=_authorization(configuration),
        certificate=certificate,
        proxy=str(configuration.proxy or ""),
        namespace=namespace,
    )


def _authorization(configuration: Any) -> Callable[[], str]:
    def header() -> str:
        # Runs the client's refresh hook; the key's name changed between major versions.
        key = configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
        return str(key or "")

    return header
