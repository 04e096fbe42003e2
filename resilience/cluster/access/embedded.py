"""Starts, supervises and ends the embedded cluster.

`python -m resilience.sandbox up --owner-stdin` reports on one JSON line when it serves, and ends
when its stdin closes, so it cannot outlive its owner, not even after kill -9. If it does not start,
its own error message is passed on unchanged.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import resilience
from resilience.cluster.access.access import Access, plain
from resilience.cluster.errors import ClusterError

START_SECONDS = 150.0
"""Timeout of the start; much longer than the usual second or two, because the host may be very
busy, and longer than the sandbox's own, whose message says more."""

END_SECONDS = 20.0
LOOK_SECONDS = 0.5
"""Seconds between two looks at the sandbox's health: its file stays longer than that."""


class SandboxFailed(ClusterError):
    """The sandbox could not be started, or has ended by itself."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """A running sandbox that this process owns."""

    id: str
    kubeconfig: Path
    directory: Path
    access: Access
    life: Life


class Life:
    """Whether the sandbox is alive and works. Listeners are called when it ends or becomes
    unhealthy."""

    def __init__(
        self, process: subprocess.Popen[bytes], errors: IO[bytes], directory: Path
    ) -> None:
        self._process = process
        self._errors = errors
        self._directory = directory
        self._listeners: list[tuple[Callable[[str], None], Callable[[str], None]]] = []
        threading.Thread(target=self._watch, name="sandbox-life", daemon=True).start()

    @property
    def process(self) -> int:
        """The sandbox's first process, of which all others descend."""
        return self._process.pid

    def ended(self) -> str:
        """Why the sandbox has ended; "" while it runs."""
        if self._process.poll() is None:
            return ""
        return f"the sandbox has ended by itself: {_said(self._errors) or 'it gave no reason'}"

    def sick(self) -> str:
        """Why the sandbox cannot do its work now, or why this process cannot tell; "" while it
        can."""
        try:
            files = sorted(self._directory.glob("sick-*"))
        except OSError as error:  # This process has no descriptor left, so it measures nothing.
            return f"cannot see whether the sandbox works: {error.strerror}"
        for file in files:
            with suppress(OSError):  # The file is gone: the sandbox has just recovered.
                return os.readlink(file)
        return ""

    @contextmanager
    def telling(self, ended: Callable[[str], None], sick: Callable[[str], None]) -> Iterator[None]:
        """Call `ended` or `sick` on another thread if that happens during the block."""
        listeners = (ended, sick)
        self._listeners.append(listeners)
        if why := self.sick():
            sick(why)
        try:
            yield
        finally:
            self._listeners.remove(listeners)

    def _watch(self) -> None:
        told = ""
        while self._process.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(LOOK_SECONDS)
            before, told = told, self.sick()
            for _, sick in tuple(self._listeners) if told and not before else ():
                sick(told)
        for ended, _ in tuple(self._listeners):
            ended(self.ended())


@contextmanager
def sandbox(*, nodes: int = 3, images: Sequence[Path] = ()) -> Iterator[Embedded]:
    """A sandbox that runs while the block does, with the images that the TOML files in `images`
    map. Raises SandboxFailed if it cannot be started."""
    with tempfile.TemporaryFile() as errors:
        process = _start(nodes, images, errors)
        try:
            yield _ready(process, errors)
        finally:
            _end(process)


def command(*arguments: str) -> list[str]:
    """The sandbox's command line; -P keeps the working directory out of its imports."""
    return [sys.executable, "-P", "-m", "resilience.sandbox", *arguments]


def environment() -> Mapping[str, str]:
    """This process's environment, with the package's location first, also when it is not
    installed."""
    source = str(Path(resilience.__file__).parent.parent)
    path = os.environ.get("PYTHONPATH", "")
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (source, path)))}


def unknown_images(references: Sequence[str], images: Sequence[Path]) -> Sequence[str]:
    """The image references that a sandbox with these TOML files would not have."""
    if not references:
        return []
    asked = subprocess.run(
        command("images", *_named(images), "--", *references),
        capture_output=True, text=True, env=environment(), check=False,
    )  # fmt: skip
    if asked.stderr:
        raise SandboxFailed(asked.stderr.strip().removeprefix("error: "))
    return asked.stdout.splitlines()


def _named(images: Sequence[Path]) -> list[str]:
    return [f"--images={path.absolute()}" for path in images]


def _start(nodes: int, images: Sequence[Path], errors: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command("up", "--owner-stdin", "--nodes", str(nodes), *_named(images)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        env=environment(),
        # Not in this process group: Ctrl-C must reach the owner first, whose undo still needs the
        # cluster.
        start_new_session=True,
    )


def _ready(process: subprocess.Popen[bytes], errors: IO[bytes]) -> Embedded:
    line = _first_line(process)
    try:
        said: Any = json.loads(line)
        kubeconfig, directory = Path(said["kubeconfig"]), Path(said["directory"])
        identity = str(said["id"])
    except (ValueError, KeyError, TypeError):
        raise SandboxFailed(_why(process, errors, line)) from None
    access = plain(kubeconfig)
    if access is None:
        raise SandboxFailed(f"the sandbox wrote a kubeconfig that cannot be used: {kubeconfig}")
    life = Life(process, errors, directory)
    access = replace(access, sandbox=True, ended=life.ended)
    return Embedded(identity, kubeconfig, directory, access, life)


def _first_line(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    end = time.monotonic() + START_SECONDS
    line = b""
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([process.stdout], [], [], max(0.0, end - time.monotonic()))
        piece = os.read(process.stdout.fileno(), 4096) if ready else b""
        if not piece:
            return line
        line += piece
    return line


def _why(process: subprocess.Popen[bytes], errors: IO[bytes], line: bytes) -> str:
    _end(process)
    said = _said(errors) or line.decode("utf-8", "replace").strip()
    if not said:
        said = f"it printed nothing within {START_SECONDS:g} s"
    return f"the sandbox did not start: {said}"


def _said(errors: IO[bytes]) -> str:
    """Its last line on stderr, read without moving its write position."""
    size = os.fstat(errors.fileno()).st_size
    tail = os.pread(errors.fileno(), 4096, max(0, size - 4096)).decode("utf-8", "replace")
    lines = tail.strip().splitlines()
    return lines[-1].removeprefix("error: ") if lines else ""


def _end(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()  # its reaper and its parts notice that and end as well
        process.wait()
