"""A part of the sandbox reaches a limit in the middle of a run: not measured, never a failed
service."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCENARIO = """
scenario: a Pod is lost while a part of the sandbox can open nothing
namespace: shop
given:
  - apply: checkout.yaml
  - ready: deployment/checkout
while:
  - http: {service: checkout, port: http, path: /hostname}
    name: checkout
    rate: 50/s
    objective: {availability: 99%}
when:
  - sleep: 4s
  - kill: {pods: app=checkout, count: 1}
  - ready: deployment/checkout
then:
  - recovered: {}
    within: 20s
"""
NOT_MEASURED = 21


def descendants(pid: int) -> dict[str, int]:
    """Process ids by name."""
    found: dict[str, int] = {}
    todo = [pid]
    while todo:
        parent = todo.pop()
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                children = [int(word) for word in task.read_text().split()]
                for child in children:
                    found[Path(f"/proc/{child}/comm").read_text().strip()] = child
                todo += children
            except OSError:
                continue  # It has ended meanwhile.
    return found


@pytest.fixture
def home() -> Iterator[Path]:
    """Where the run's sandbox is. Its sockets need a short path, so not below `tmp_path`."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@contextmanager
def running(folder: Path, home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The scenario in a pytest of its own; its output is in `log`."""
    (folder / "limited.scenario.yaml").write_text(SCENARIO)
    manifest = (ROOT / "scenarios" / "manifests" / "checkout.yaml").read_text()
    (folder / "checkout.yaml").write_text(manifest)
    options = ["-p", "no:cacheprovider", "-p", "no:asyncio", "--resilience-report", "report"]
    command = [sys.executable, "-m", "pytest", "limited.scenario.yaml", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(home)}
    with open(folder / "log", "wb") as log:
        run = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        yield run
    finally:
        run.kill()
        run.wait()


def until(fact: Callable[[], bool], run: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a fact holds, or the run has ended."""
    end = time.monotonic() + 120
    while not fact() and run.poll() is None:
        assert time.monotonic() < end, log.read_text()
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.wait(0.05)


def sick(part: str, home: Path) -> bool:
    """Whether it has met its limit: then there is a link that says so, and leads nowhere."""
    return any((folder / f"sick-{part}").is_symlink() for folder in home.glob("*/*"))


@contextmanager
def without_descriptors(pid: int) -> Iterator[None]:
    """The process can open nothing more. It may be over before the block is."""
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, before[1]))
    yield
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("part", ["kubelet", "apiserver"])
def test_a_part_without_descriptors_spoils_the_measurement_only(
    part: str, tmp_path: Path, home: Path
) -> None:
    log, name = tmp_path / "log", f"rs-{part}"
    with running(tmp_path, home) as run:
        until(lambda: {name, "agnhost"} <= set(descendants(run.pid)), run, log)
        with without_descriptors(descendants(run.pid)[name]):
            until(lambda: sick(part, home), run, log)
        code = run.wait(180)
    text = log.read_text()
    assert code == NOT_MEASURED, text
    assert "Too many open files" in text
