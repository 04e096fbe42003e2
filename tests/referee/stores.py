"""The contract of stores, asked of Azurite: `make referee-stores`.

    python -m tests.referee.stores AZURITE_BLOB

It is started on a free loopback port with data in memory and given one container; then
`tests/backup/store/test_contract.py` runs with its URL. The account and key are those that
Azurite's documentation publishes. fake-gcs-server is no referee: obstore writes by Google's XML
API, whose writes it refuses.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from email.utils import formatdate

from tests.backup.servers import free_port, running

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
CONTRACT = "tests/backup/store/test_contract.py"


@contextmanager
def azurite(program: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The URL of a container, and the environment to reach it."""
    port = free_port()
    command = [program, "--blobHost", "127.0.0.1", "--blobPort", str(port),
               "--inMemoryPersistence", "--silent", "--skipApiVersionCheck"]  # fmt: skip
    with running(command, port) as endpoint:
        _create_container(f"{endpoint}/{ACCOUNT}", "held")
        url = f"az://held?account={ACCOUNT}&endpoint={endpoint}/{ACCOUNT}"
        yield url, {"AZURE_STORAGE_ACCOUNT_KEY": KEY}


def _create_container(endpoint: str, name: str) -> None:
    """Signed as the service asks for (learn.microsoft.com, Authorize with Shared Key)."""
    headers = {"x-ms-date": formatdate(time.time(), usegmt=True), "x-ms-version": "2021-12-02"}
    canonical = "".join(f"{key}:{value}\n" for key, value in sorted(headers.items()))
    resource = f"/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
    signed = f"PUT{chr(10) * 12}{canonical}{resource}"
    digest = hmac.new(base64.b64decode(KEY), signed.encode(), hashlib.sha256).digest()
    headers["Content-Length"] = "0"
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}"
    _send("PUT", f"{endpoint}/{name}?restype=container", b"", headers)


def _send(method: str, url: str, body: bytes, headers: dict[str, str]) -> None:
    asked = urllib.request.Request(url, data=body or None, headers=headers, method=method)
    with urllib.request.urlopen(asked, timeout=30):
        pass


def main(words: Sequence[str]) -> int:
    """The exit code of pytest."""
    parser = argparse.ArgumentParser(prog="python -m tests.referee.stores")
    parser.add_argument("azurite", metavar="AZURITE_BLOB")
    with azurite(parser.parse_args(words).azurite) as (url, more):
        environment = {**os.environ, **more, "CONTRACT_STORES": url}
        command = [sys.executable, "-m", "pytest", CONTRACT, "-v"]
        return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
