"""The owner of one sandbox: creates it, waits until it has to end, and leaves nothing behind.

Everything created here is registered for removal at once, in an exit stack, so that all ways out
(an error while starting, Ctrl-C, SIGTERM, a closed stdin, a dead part) are the same. The owner is a
subreaper as well: if the reaper is killed, its orphans are adopted and ended here.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resilience.sandbox.host import home, kubeconfig, linux, processes, slots
from resilience.sandbox.host.own_image import OwnImage
from resilience.sandbox.host.sandbox_config import Identity, SandboxConfig
from resilience.sandbox.host.sandbox_error import SandboxError
from resilience.sandbox.owner.inheritance import Inheritance
from resilience.sandbox.owner.waiting import Waiter

START_DEADLINE = 120.0
"""Seconds. A part that cannot start says so at once; a very busy host alone takes this long."""
AUTHENTICATED = "system:authenticated"
ADMIN = Identity("kubernetes-admin", ("system:masters", AUTHENTICATED))
KUBELET = Identity("system:node:sandbox", ("system:nodes", AUTHENTICATED))
DATAPLANE = Identity("system:kube-proxy", (AUTHENTICATED,))


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `up`."""

    nodes: int = 3
    time_scale: float = 1.0
    clock_ahead: float = 0.0
    kubeconfig: Path | None = None
    ttl: float | None = None
    lifeline: bool = False
    """End when stdin closes."""
    background: bool = False
    """Started with `--detach`: nobody waits for it."""
    images: tuple[OwnImage, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A sandbox that serves."""

    config: SandboxConfig
    server: str
    kubeconfig: Path

    def ready_line(self) -> str:
        """What `--owner-stdin` and `--json` print."""
        return json.dumps(
            {
                "id": self.config.id,
                "kubeconfig": str(self.kubeconfig),
                "server": self.server,
                "directory": str(self.config.directory),
                "pid": os.getpid(),
            }
        )


class Ended(Exception):
    """The request to end came while the sandbox was still starting."""


@contextlib.contextmanager
def sandbox(options: Options, waiter: Waiter) -> Iterator[Running]:
    """A running sandbox for the duration of the block. SandboxError if it cannot be started."""
    linux.adopt_orphans()
    if options.kubeconfig is not None:
        kubeconfig.refuse_foreign(options.kubeconfig)
    home.sweep()
    with contextlib.ExitStack() as stack:
        slot, claim = slots.claim()
        stack.enter_context(claim)
        config, lock = _make_config(options, slot, stack)
        listener = stack.enter_context(_listen())
        server = f"https://127.0.0.1:{listener.getsockname()[1]}"
        reaper = _start_reaper(config, lock, listener, claim, stack)
        path = _write_keys(config, server, options.kubeconfig, stack)
        _tell(reaper, "keys\n")
        _wait_until_ready(reaper, waiter)
        _publish(config, server, path, options)
        yield Running(config=config, server=server, kubeconfig=path)


def _make_config(
    options: Options, slot: int, stack: contextlib.ExitStack
) -> tuple[SandboxConfig, int]:
    directory, lock = home.create()
    stack.callback(os.close, lock)
    stack.callback(home.remove, directory)
    tokens = {secrets.token_urlsafe(24): who for who in (ADMIN, KUBELET, DATAPLANE)}
    config = SandboxConfig(
        id=directory.name,
        directory=directory,
        slot=slot,
        nodes=options.nodes,
        time_scale=options.time_scale,
        clock_ahead=options.clock_ahead,
        started=time.time(),
        tokens=tokens,
        images=options.images,
    )
    return config, lock


def _listen() -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise SandboxError(f"127.0.0.1 cannot be listened on: {error.strerror}") from error
    return listener


def _start_reaper(
    config: SandboxConfig,
    lock: int,
    listener: socket.socket,
    claim: socket.socket,
    stack: contextlib.ExitStack,
) -> subprocess.Popen[str]:
    """Start the reaper first: it imports while the keys are generated."""
    inheritance = Inheritance(config=config, lock=lock, listener=listener.fileno())
    # The interpreter gets this process's own path to the package, so that it works from every
    # directory and whether or not the package is installed.
    root = str(Path(__file__).resolve().parents[3])
    code = (
        f"import sys; sys.path.insert(0, {root!r});"
        " from resilience.sandbox.owner.reaper import main; sys.exit(main())"
    )
    with open(config.directory / "log" / "reaper.log", "wb") as log:
        reaper = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, processes.MARKER: config.id},
            # The claim is passed along unnamed: any process that still uses the addresses holds the
            # slot.
            pass_fds=(lock, listener.fileno(), claim.fileno()),
            # A separate session: Ctrl-C reaches the owner only, which then ends everything in
            # order.
            start_new_session=True,
        )
    stack.callback(_end_reaper, reaper)
    _tell(reaper, inheritance.dump())
    return reaper


def _tell(reaper: subprocess.Popen[str], text: str) -> None:
    assert reaper.stdin is not None
    try:
        reaper.stdin.write(text)
        reaper.stdin.flush()
    except BrokenPipeError:
        pass  # it ended; the wait for it reports that


def _end_reaper(reaper: subprocess.Popen[str]) -> None:
    """Close the lifeline and wait; then kill everything that is still below this process."""
    assert reaper.stdin is not None
    assert reaper.stdout is not None
    try:
        reaper.stdin.close()
    except BrokenPipeError:
        pass
    try:
        reaper.wait(2 * home.ENDING_DEADLINE)
    except subprocess.TimeoutExpired:
        reaper.kill()
        reaper.wait()
    reaper.stdout.close()
    processes.kill_all(lambda: processes.descendants(os.getpid()), home.ENDING_DEADLINE)


def _write_keys(
    config: SandboxConfig, server: str, wanted: Path | None, stack: contextlib.ExitStack
) -> Path:
    from resilience.sandbox.host import image_files, pki

    addresses = ["127.0.0.1", f"{config.network}.128.1"]
    pki.write(
        config.ca_file, config.certificate_file, config.key_file, addresses, config.ca_key_file
    )
    image_files.write(config.directory / "images")
    token = next(token for token, identity in config.tokens.items() if identity == ADMIN)
    path = config.directory / "kubeconfig" if wanted is None else wanted.absolute()
    kubeconfig.write(path, kubeconfig.content(server, config.ca_file.read_bytes(), token))
    stack.callback(kubeconfig.remove, path, token)
    return path


def _wait_until_ready(reaper: subprocess.Popen[str], waiter: Waiter) -> None:
    """Return when every part serves. SandboxError if one fails, Ended if a stop was requested."""
    assert reaper.stdout is not None
    waiter.watch_reaper(reaper.stdout.fileno())
    reason = waiter.wait(START_DEADLINE)
    if reason.kind == "ready":
        return
    if reason.kind == "timeout":
        raise SandboxError(f"the sandbox did not become ready within {START_DEADLINE:.0f} s")
    if reason.kind == "failed":
        raise SandboxError(f"the sandbox could not start: {reason.text}")
    raise Ended


def _publish(config: SandboxConfig, server: str, path: Path, options: Options) -> None:
    record: dict[str, Any] = {
        "id": config.id,
        "pid": os.getpid(),
        "server": server,
        "kubeconfig": str(path),
        "nodes": config.nodes,
        "started": config.started,
        "expires": None if options.ttl is None else config.started + options.ttl,
        "background": options.background,
    }
    home.write_record(config.directory, record)


def run(options: Options, *, json_line: bool) -> int:
    """Serve one sandbox in the foreground; returns 0, SandboxError if it failed."""
    with Waiter(lifeline=options.lifeline) as waiter:
        try:
            with sandbox(options, waiter) as running:
                print(running.ready_line() if json_line else _greeting(running))
                sys.stdout.flush()
                reason = waiter.wait(options.ttl)
        except Ended:
            return 0
    if reason.kind == "failed":
        raise SandboxError(f"sandbox {running.config.id} ended: {reason.text}")
    return 0


def _greeting(running: Running) -> str:
    return (
        f"sandbox {running.config.id} is ready: {running.config.nodes} nodes, {running.server}\n"
        f"  export KUBECONFIG={running.kubeconfig}\n"
        "Ctrl-C ends it."
    )
