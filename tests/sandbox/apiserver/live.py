"""A real API server process for tests: TLS on loopback, the unix socket, a kubeconfig."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from resilience.sandbox.host import kubeconfig, pki
from resilience.sandbox.host.sandbox_config import Identity, ProcessArguments, SandboxConfig

ADMIN = "admin-token-of-the-tests"
KUBELET = "kubelet-token-of-the-tests"


@dataclass(frozen=True)
class Live:
    """A running server."""

    url: str
    config: SandboxConfig
    kubeconfig: Path
    pid: int

    def kubectl(
        self, *arguments: str, stdin: str = "", check: bool = True, timeout: float = 30.0
    ) -> str:
        """Standard output of one kubectl; with `check`, AssertionError shows what it said."""
        environment = {
            **os.environ,
            "KUBECONFIG": str(self.kubeconfig),
            "HOME": str(self.config.directory),
        }
        done = subprocess.run(
            ["kubectl", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            env=environment,
            check=False,
        )
        if check:
            assert done.returncode == 0, f"kubectl {arguments}: {done.stdout}{done.stderr}"
        return done.stdout if check else done.stdout + done.stderr


def configuration(directory: Path, time_scale: float = 1.0) -> SandboxConfig:
    """A config with the sandbox's usual identities."""
    (directory / "pki").mkdir()
    return SandboxConfig(
        id="test",
        directory=directory,
        slot=77,
        time_scale=time_scale,
        tokens={
            ADMIN: Identity("kubernetes-admin", ("system:masters", "system:authenticated")),
            KUBELET: Identity("system:node:sandbox", ("system:nodes", "system:authenticated")),
        },
    )


@contextmanager
def server(time_scale: float = 1.0, inside: Callable[[], None] = lambda: None) -> Iterator[Live]:
    """Start a server in a child process, which first calls `inside`; it ends with the block."""
    directory = Path(tempfile.mkdtemp(prefix="resilience-test-"))
    config = configuration(directory, time_scale)
    pki.write(
        config.ca_file, config.certificate_file, config.key_file, ["127.0.0.1"], config.ca_key_file
    )
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"https://127.0.0.1:{listener.getsockname()[1]}"
    file = directory / "kubeconfig"
    file.write_text(json.dumps(kubeconfig.content(url, config.ca_file.read_bytes(), ADMIN)))
    read_end, write_end = os.pipe()
    arguments = ProcessArguments(config=config, token=ADMIN, ready=write_end, listener=listener)
    process = multiprocessing.get_context("fork").Process(
        target=_child, args=(arguments, read_end, inside)
    )
    process.start()
    os.close(write_end)
    listener.close()
    try:
        assert os.read(read_end, 1) == b"+", "the API server did not start"
        assert process.pid is not None
        yield Live(url, config, file, process.pid)
    finally:
        os.close(read_end)
        process.terminate()
        process.join(10)
        if process.exitcode is None:
            process.kill()
            process.join()
        shutil.rmtree(directory)


def _child(arguments: ProcessArguments, read_end: int, inside: Callable[[], None]) -> None:
    os.close(read_end)
    inside()
    from resilience.sandbox.apiserver.apiserver_main import run

    run(arguments)
