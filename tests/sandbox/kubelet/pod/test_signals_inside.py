"""Which processes a shell in a container can signal: those of its container, and no other."""

from __future__ import annotations

import os
import time

import pytest

from tests.sandbox.running import Pods, wait_for

# In a manifest `$$` is an escaped `$`.
SCRIPT = """
trap "echo told; exit 3" TERM
sleep 600 &
echo $! > /tmp/child
echo "I am $$$$"
wait
"""


@pytest.fixture
def shell(pods: Pods) -> Pods:
    main = {"image": "busybox:1", "command": ["sh", "-c", SCRIPT]}
    pods.run("shell", main=main, restartPolicy="Never", terminationGracePeriodSeconds=600)
    pods.until_ready("shell")
    wait_for(lambda: pods.logs("shell") == "I am 1\n", "the shell says who it is")
    return pods


def test_a_file_with_a_number_names_a_process_of_this_container_only(shell: Pods) -> None:
    shell.kubectl("exec", "shell", "--", "sh", "-c", "kill -0 $(cat /tmp/child)")
    outside = shell.kubectl(
        "exec", "shell", "--", "sh", "-c", f"kill -9 {os.getpid()} {os.getppid()} 2>&1 || true"
    )
    assert outside.count("No such process") == 2


def test_a_shell_that_waits_takes_the_signal_of_a_deletion_at_once(shell: Pods) -> None:
    began = time.monotonic()
    shell.kubectl("delete", "pod", "shell")
    assert time.monotonic() - began < 60  # its grace period is ten times that


def test_a_shells_own_number_is_one_also_in_its_children(pods: Pods) -> None:
    script = "trap 'echo told; exit 3' TERM; (sleep 0.1; kill $$$$) & while :; do sleep 0.1; done"
    main = {"image": "busybox:1", "command": ["sh", "-c", script]}
    pods.run("self", main=main, restartPolicy="Never")
    assert pods.phase("self") == "Failed"
    assert pods.status("self")["state"]["terminated"]["exitCode"] == 3
    assert pods.logs("self") == "told\n"
