"""The kubeconfig of one sandbox: a separate file, never merged into the user's.

Written as JSON, which is YAML, so that no YAML library is needed to start. Mode 0600: the token in
it is the cluster administrator's.
"""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

from resilience.sandbox.host.sandbox_error import SandboxError

CONTEXT = "sandbox"


def content(server: str, ca: bytes, token: str) -> dict[str, Any]:
    """A complete kubeconfig with one cluster, user and context, all named `sandbox`."""
    cluster = {
        "server": server,
        "certificate-authority-data": base64.b64encode(ca).decode(),
    }
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": CONTEXT, "cluster": cluster}],
        "users": [{"name": CONTEXT, "user": {"token": token}}],
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": CONTEXT}}],
        "current-context": CONTEXT,
    }


def refuse_foreign(path: Path) -> None:
    """SandboxError if `path` exists and is anything but an earlier sandbox's kubeconfig."""
    try:
        existing = path.read_text()
    except FileNotFoundError:
        if not path.parent.is_dir():
            raise SandboxError(f"--kubeconfig {path}: {path.parent} is not a directory") from None
        return
    except (OSError, UnicodeDecodeError) as error:
        raise SandboxError(f"--kubeconfig {path} cannot be read: {error}") from error
    if existing and not _is_ours(existing):
        raise SandboxError(
            f"--kubeconfig {path} exists and was not written by a sandbox;"
            " name a new file (nothing is ever merged into an existing kubeconfig)"
        )


def _is_ours(text: str) -> bool:
    try:
        names = [context["name"] for context in json.loads(text)["contexts"]]
    except (ValueError, KeyError, TypeError):
        return False
    return names == [CONTEXT]


def write(path: Path, data: dict[str, Any]) -> None:
    """Write `path` with mode 0600 in one step, so that no reader sees half of it."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(data, file, indent=1)
            file.write("\n")
        partial.replace(path)
    except OSError as error:
        raise SandboxError(f"kubeconfig {path} cannot be written: {error.strerror}") from error


def remove(path: Path, token: str) -> None:
    """Remove `path` if it still is the kubeconfig that was written with `token`."""
    try:
        if token in path.read_text():
            path.unlink()
    except (OSError, UnicodeDecodeError):
        pass  # gone, or replaced by someone else: leave it alone
