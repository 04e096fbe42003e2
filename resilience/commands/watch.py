"""`resilience watch FILE...`: runs scenarios continuously, one at a time, each with its usual
verdict.

Each run is a pytest of its own with the same options, so consent, limits, locks, journal and
reports are those of any run. On SIGTERM the watch undoes the current run and ends.
"""

from __future__ import annotations

import argparse
import os
import select
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from types import FrameType

from resilience import cluster as clusters
from resilience.commands import CommandError, rbac, run, settings
from resilience.commands.saying import warn
from resilience.config.settings import Settings
from resilience.config.targets import Gate
from resilience.config.windows import Windows
from resilience.daily import halts, serving
from resilience.daily.child import Child
from resilience.daily.loop import Halt, Loop, Plan, Status
from resilience.engine.base.real_clock import RealClock
from resilience.model.values import Duration

LEAST = 1.0
"""Seconds; the least `--every`."""


class Waiting:
    """A clock whose waits end together with the watch. A pipe, because a signal handler may write
    to it at any time."""

    def __init__(self) -> None:
        self.wall = RealClock().wall
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)

    def wait(self, seconds: float) -> None:
        """Wait until that time, or until `end` is called."""
        select.select([self._read], [], [], seconds)

    def end(self) -> None:
        """End this wait and all that follow."""
        os.write(self._write, b"x")


def watch(options: argparse.Namespace) -> int:
    """Until a signal; 128 and its number."""
    given = settings(options)
    files = [str(path) for path in rbac.files([Path(each) for each in options.files], given)]
    if not files or not list(rbac.scenarios([Path(each) for each in files], given)):
        raise CommandError(f"no scenario in {', '.join(options.files)}")
    if not (given.context or given.kubeconfig or options.sandbox):
        raise CommandError("watch runs on a cluster: name it with --context; --sandbox starts an"
                           " embedded one for each run")  # fmt: skip
    plan = Plan(
        files=files,
        every=_seconds("--every", options.every, LEAST),
        jitter=_seconds("--jitter", options.jitter),
        keep_going=options.keep_going,
    )
    windows = _windows(options)
    address = _address(options.listen)
    time, status = Waiting(), Status()
    child = Child(_words(options))
    with ExitStack() as stack:
        stops = [halts.by_windows(windows, time.wall), *_asking(options, given, stack)]
        memory = halts.FailedFile(given.journal_directory.parent / "watch-failed")
        loop = Loop(plan, time, Random(given.seed), child.run, stops, warn, status, memory)
        status.beat = time.wall()
        try:
            port = stack.enter_context(serving.served(address, status, time.wall,
                                                      given.metrics_file))  # fmt: skip
        except OSError as error:
            raise CommandError(f"--listen {options.listen}: {error.strerror}") from error
        warn(f"watching {len(files)} file{'s' * (len(files) != 1)};"
             f" http://{address[0]}:{port}/metrics and /healthz")  # fmt: skip
        with _signals(loop, child, time) as caught:
            loop.forever()
    return 128 + caught[0] if caught else 0


def _words(options: argparse.Namespace) -> Sequence[str]:
    """pytest's arguments without the files."""
    options.paths, options.rest = [], []
    return run.arguments(options)


def _seconds(name: str, text: str, least: float = 0.0) -> float:
    try:
        found = Duration.parse(text).seconds
    except ValueError as error:
        raise CommandError(f"{name} {text!r}: expected {error}") from None
    if found < least:
        raise CommandError(f"{name} {text}: expected at least {least:.0f}s")
    return found


def _windows(options: argparse.Namespace) -> Windows:
    try:
        return Windows.parse(options.window, options.blackout, options.timezone)
    except ValueError as error:
        raise CommandError(f"--window, --blackout or --timezone: {error}") from None


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise CommandError(f"--listen {text!r}: expected HOST:PORT, such as 127.0.0.1:9402")
    return host.strip("[]") or "127.0.0.1", int(port)


def _asking(options: argparse.Namespace, given: Settings, stack: ExitStack) -> Iterator[Halt]:
    """Reasons against a run that depend on the cluster or on Alertmanager."""
    if options.incident:
        url, _, unless = options.incident.partition(" ")
        if not url.startswith(("http://", "https://")) or not unless.strip():
            raise CommandError(f"--incident {options.incident!r}: expected 'URL FILTER', such as"
                               " 'http://alertmanager:9093 severity=\"critical\"'")  # fmt: skip
        yield halts.by_incident(
            Gate(kind="alertmanager", url=url.rstrip("/"), unless=unless.strip())
        )
    if not options.pause:
        return
    namespace, slash, name = options.pause.partition("/")
    if not namespace or (slash and not name):
        raise CommandError(f"--pause {options.pause!r}: expected NAMESPACE or NAMESPACE/CONFIGMAP")
    if options.sandbox:
        raise CommandError("--pause reads from a cluster: use --context, not --sandbox")
    opened = clusters.open_context(given.context, given.kubeconfig)
    cluster = stack.enter_context(opened)
    if name:
        yield halts.by_configmap(cluster, namespace, name)
    else:
        yield halts.by_annotation(cluster, namespace)


@contextmanager
def _signals(loop: Loop, child: Child, time: Waiting) -> Iterator[list[int]]:
    """The first signal ends the loop and what runs; yields the signals that came."""
    caught: list[int] = []

    def end(number: int, frame: FrameType | None) -> None:
        caught.append(number)
        loop.end()
        time.end()
        child.stop()

    before = {each: signal.signal(each, end) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield caught
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
