"""Sandboxes from outside their owner: started in the background, listed, ended.

A background sandbox always has a time to live, so that a forgotten one ends by itself.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from resilience.sandbox.host import home, processes
from resilience.sandbox.host.sandbox_error import SandboxError

DEFAULT_TTL = 3600.0


def start(options: argparse.Namespace) -> int:
    """Start an owner in its own session, wait until it is ready, return its report."""
    ttl = options.ttl or DEFAULT_TTL
    command = [sys.executable, "-m", "resilience.sandbox", "up", "--json", f"--ttl={ttl}s"]
    command += ["--background", f"--nodes={options.nodes}", f"--time-scale={options.time_scale}"]
    if options.clock_ahead:
        command.append(f"--clock-ahead={options.clock_ahead}s")
    if options.kubeconfig is not None:
        command.append(f"--kubeconfig={options.kubeconfig.absolute()}")
    command += [f"--images={path.absolute()}" for path in options.images]
    root = Path(__file__).resolve().parents[3]
    with tempfile.TemporaryFile("w+") as complaints:
        owner = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            cwd=root,
            start_new_session=True,
        )
        assert owner.stdout is not None
        with owner.stdout as output:
            line = output.readline()
        if not line:
            owner.wait()
            complaints.seek(0)
            raise SandboxError(complaints.read().strip().removeprefix("error: "))
    print(line.strip() if options.json else _greeting(json.loads(line), ttl))
    # The owner continues by design; init collects it, so it is not a zombie of this process.
    owner.returncode = 0
    return 0


def _greeting(ready: dict[str, str], ttl: float) -> str:
    return (
        f"sandbox {ready['id']} is ready and ends by itself in {_minutes(ttl)}\n"
        f"  export KUBECONFIG={ready['kubeconfig']}\n"
        f"  resilience sandbox down {ready['id']}"
    )


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f}m" if seconds >= 60 else f"{seconds:.0f}s"


def end(name: str | None, *, kubeconfig: Path | None, every: bool) -> list[str]:
    """End one sandbox, or every background one and the leftovers of dead ones; returns the ids."""
    chosen = _chosen(name, kubeconfig, every)
    for record in chosen:
        _end(record)
    return [record.id for record in chosen] + (home.sweep() if every else [])


def _chosen(name: str | None, kubeconfig: Path | None, every: bool) -> list[home.SandboxRecord]:
    running = home.records()
    if name is not None:
        named = [record for record in running if record.id == name]
        if not named:
            raise SandboxError(f"no sandbox {name} is running; see: status")
        return named
    if kubeconfig is not None:
        meant = kubeconfig.resolve()  # resolved, because a file may be named by different paths
        led = [record for record in running if Path(record.kubeconfig).resolve() == meant]
        if not led:
            raise SandboxError(f"{kubeconfig} leads to no running sandbox; see: status")
        return led
    # Without a name only background ones: another may belong to someone's test run.
    waiting = [record for record in running if record.background]
    if len(waiting) > 1 and not every:
        ids = ", ".join(record.id for record in waiting)
        raise SandboxError(f"{len(waiting)} are in the background ({ids}); name one, or use --all")
    return waiting


def _end(record: home.SandboxRecord) -> None:
    """SIGTERM to the owner, which cleans up; after a deadline SIGKILL, and the sweep cleans up."""
    processes.kill(record.pid, signal.SIGTERM)
    deadline = time.monotonic() + 3 * home.ENDING_DEADLINE
    while processes.alive(record.pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    if processes.alive(record.pid):
        processes.kill(record.pid)
        home.sweep()


def table(records: list[home.SandboxRecord]) -> str:
    """The readable output of `status`."""
    if not records:
        return "no sandbox is running"
    now = time.time()
    rows = [("ID", "NODES", "AGE", "ENDS IN", "KUBECONFIG")]
    for record in records:
        ends = "-" if record.expires is None else _minutes(record.expires - now)
        age = _minutes(now - record.started)
        rows.append((record.id, str(record.nodes), age, ends, record.kubeconfig))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(_line(row, widths) for row in rows)


def _line(row: Sequence[str], widths: list[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
    return "   ".join(padded).rstrip()
