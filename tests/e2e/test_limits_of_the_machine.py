"""A part of the sandbox reaches a limit in the middle of a run: not measured, never a failed
service."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
import time
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


@pytest.mark.parametrize("part", ["rs-kubelet", "rs-apiserver"])
def test_a_part_without_descriptors_spoils_the_measurement_only(part: str, tmp_path: Path) -> None:
    (tmp_path / "limited.scenario.yaml").write_text(SCENARIO)
    manifest = (ROOT / "scenarios" / "manifests" / "checkout.yaml").read_text()
    (tmp_path / "checkout.yaml").write_text(manifest)
    options = ["-p", "no:cacheprovider", "-p", "no:asyncio", "--resilience-report", "report"]
    command = [sys.executable, "-m", "pytest", "limited.scenario.yaml", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with open(tmp_path / "log", "wb") as log:
        run = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=log)
    try:
        end = time.monotonic() + 120
        while not {part, "agnhost"} <= set(found := descendants(run.pid)):
            assert run.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < end
            time.sleep(0.1)
        before = resource.prlimit(found[part], resource.RLIMIT_NOFILE)
        resource.prlimit(found[part], resource.RLIMIT_NOFILE, (3, before[1]))
        time.sleep(8)  # as long as the fault, whose consequences are over afterwards
        with contextlib.suppress(ProcessLookupError):  # The run, and its sandbox, may be over.
            resource.prlimit(found[part], resource.RLIMIT_NOFILE, before)
        code = run.wait(180)
    finally:
        run.kill()
        run.wait()
    text = (tmp_path / "log").read_text()
    assert code == NOT_MEASURED, text
    assert "Too many open files" in text
