"""kill -9 of each process: nothing is left behind, and the sandbox says why it ended.

Real processes and real time: these are end-to-end tests, each with a deadline.
"""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from resilience.cluster.interface import PODS
from resilience.sandbox.host import home, processes
from tests.sandbox.running import RunningSandbox, comm, sandbox, wait_for


@pytest.fixture(autouse=True)
def home_of_its_own(monkeypatch: pytest.MonkeyPatch, short: Path) -> None:
    """Where no other sandbox' start sweeps: what is gone here was ended by its own processes."""
    monkeypatch.setenv("TMPDIR", str(short))


POD = """
apiVersion: v1
kind: Pod
metadata: {name: stray}
spec:
  containers:
  - name: main
    image: python:3
    command: [python3, -c]
    args:
    - |
      import os, time
      if os.fork() == 0:
          os.setsid()
          if os.fork() == 0:
              open("/dev/termination-log", "w").write("grandchild")
          time.sleep(600)
      time.sleep(600)
"""
"""A Pod whose grandchild is in a session of its own: the hardest thing to find again."""


def start_stray_pod(running: RunningSandbox) -> list[int]:
    """All processes of the sandbox once the Pod has its grandchild."""
    running.kubectl("apply", "--validate=false", "-f", "-", stdin=POD)
    wait_for(
        lambda: [pid for pid in running.everything() if comm(pid) == "python3"][2:],
        "the Pod's three processes",
    )
    return running.everything()


@pytest.mark.parametrize("name", ["reaper", "apiserver", "kubelet", "zygote", "dataplane"])
def test_a_killed_core_process_ends_the_whole_sandbox_and_is_named(name: str) -> None:
    with sandbox() as running:
        everything = start_stray_pod(running)
        os.kill(running.process(name), signal.SIGKILL)
        assert running.owner.wait(20) == 1
        assert running.owner.stderr is not None
        said = running.owner.stderr.read()
        assert f"its {name} was killed" in said
        assert running.is_gone()
        wait_for(lambda: not any(map(processes.alive, everything)), "no process is left")


def test_a_killed_owner_leaves_no_process_and_no_directory() -> None:
    with sandbox() as running:
        everything = start_stray_pod(running)
        running.owner.kill()
        wait_for(running.is_gone, "everything is gone")
        wait_for(lambda: not any(map(processes.alive, everything)), "no process is left")


def test_owner_and_reaper_killed_at_once_are_swept_by_the_next_start() -> None:
    with sandbox() as running:
        everything = start_stray_pod(running)
        reaper = running.process("reaper")
        core = [running.process(name) for name in ("apiserver", "zygote", "kubelet", "dataplane")]
        os.kill(running.owner.pid, signal.SIGSTOP)
        os.kill(reaper, signal.SIGKILL)
        running.owner.kill()
        wait_for(
            lambda: not any(processes.alive(pid) for pid in [reaper, *core]),
            "the core processes die with their parent, whoever sweeps",
        )
        with sandbox():
            assert running.is_gone()
        wait_for(lambda: not any(map(processes.alive, everything)), "no process is left")


def test_a_killed_pod_process_is_restarted_and_nothing_else() -> None:
    with sandbox() as running:
        start_stray_pod(running)
        core = {name: running.process(name) for name in ("apiserver", "kubelet", "zygote")}
        main = processes.children(core["zygote"])
        assert len(main) == 1
        old = [main[0], *processes.descendants(main[0])]
        os.kill(main[0], signal.SIGKILL)
        status = wait_for(
            lambda: [
                s
                for pod in running.cluster.list(PODS, "default")
                for s in pod["status"]["containerStatuses"]
                if s["restartCount"] == 1 and "running" in s["state"]
            ],
            "the container runs again",
        )[0]
        assert status["lastState"]["terminated"]["exitCode"] == 137
        assert [pid for pid in old if processes.alive(pid)] == []
        assert core == {name: running.process(name) for name in core}


def test_closing_stdin_ends_the_sandbox_with_code_zero() -> None:
    with sandbox() as running:
        everything = start_stray_pod(running)
        assert running.owner.stdin is not None
        running.owner.stdin.close()
        assert running.owner.wait(20) == 0
        assert running.is_gone()
        wait_for(lambda: not any(map(processes.alive, everything)), "no process is left")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_sandbox_with_code_zero(number: signal.Signals) -> None:
    with sandbox() as running:
        running.owner.send_signal(number)
        assert running.owner.wait(20) == 0
        assert running.is_gone()


def _unmarked(sandbox_id: str) -> bool:
    return not processes.marked(sandbox_id)


def _swept(made: set[Path]) -> bool:
    home.sweep()
    return not any(directory.exists() for directory in made)


def test_an_owner_killed_while_starting_leaves_nothing() -> None:
    before = set(home.base().iterdir())
    owner = subprocess.Popen(
        [sys.executable, "-m", "resilience.sandbox", "up", "--owner-stdin"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    assert owner.stdin is not None
    with owner.stdin:
        made = wait_for(lambda: set(home.base().iterdir()) - before, "the directory is there")
        for directory in made:  # one without a lock may still be under way: it goes a minute later
            wait_for((directory / "lock").exists, "its lock is there")
        owner.kill()
        owner.wait()
    for directory in made:
        wait_for(functools.partial(_unmarked, directory.name), "no process is left")
    # A child that is not marked yet may hold the lock until it sees that its parent is gone.
    wait_for(functools.partial(_swept, made), "its directory is gone")
