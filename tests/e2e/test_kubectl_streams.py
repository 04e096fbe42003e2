"""exec, attach, cp, port-forward and run as people type them, over WebSockets and over SPDY.

kubectl prefers WebSockets and falls back to SPDY/3.1 where a server or proxy knows none; both ways
are chosen here by its own switches.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pty
import select
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.kubectl import Kubectl

AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.45"
SWITCHES = ("KUBECTL_PORT_FORWARD_WEBSOCKETS", "KUBECTL_REMOTE_COMMAND_WEBSOCKETS")
DEADLINE = 60.0


@pytest.fixture(params=["websocket", "spdy"])
def streams(request: pytest.FixtureRequest, kubectl: Kubectl) -> Kubectl:
    """kubectl that speaks one of the two."""
    on = str(request.param == "websocket").lower()
    return dataclasses.replace(kubectl, environment=dict.fromkeys(SWITCHES, on))


@pytest.fixture
def pod(streams: Kubectl) -> Kubectl:
    """A Pod `app` that answers HTTP."""
    probe = {"httpGet": {"path": "/readyz", "port": 8080}, "periodSeconds": 1}
    server = {"name": "app", "image": AGNHOST, "args": ["netexec"], "readinessProbe": probe}
    app = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "app"}}
    streams("create", "-f", "-", stdin=json.dumps(app | {"spec": {"containers": [server]}}))
    streams("wait", "--for=condition=Ready", "pod/app", "--timeout=60s")
    return streams


def test_exec_carries_input_output_errors_and_the_exit_code(pod: Kubectl) -> None:
    text = "line\n" * 40_000
    assert pod("exec", "-i", "app", "--", "cat", stdin=text) == text
    code, out, err = pod.run("exec", "app", "--", "sh", "-c", "echo out; ls /absent; exit 3")
    assert (code, out) == (3, "out\n")
    assert "ls: /absent: No such file or directory" in err
    assert 'exec: "nothere": executable file not found' in pod.fails("exec", "app", "--", "nothere")


def test_exec_without_input_has_none(pod: Kubectl) -> None:
    assert pod("exec", "app", "--", "cat") == ""


def test_kubectl_cp_copies_into_and_out_of_a_pod(pod: Kubectl, tmp_path: Path) -> None:
    data = os.urandom(300_000)
    (tmp_path / "file").write_bytes(data)
    pod("cp", str(tmp_path / "file"), "app:/tmp/file")
    pod("cp", "app:/tmp/file", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == data


@contextmanager
def forwarded(kubectl: Kubectl, port: int) -> Iterator[str]:
    """The local URL of one port of the Pod."""
    process = subprocess.Popen(
        kubectl.command("port-forward", "pod/app", f":{port}"),
        env=kubectl.around(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        yield f"http://127.0.0.1:{line.split(':')[1].split()[0]}"
    finally:
        process.terminate()
        process.communicate(timeout=120)


def test_port_forward_carries_many_connections(pod: Kubectl) -> None:
    with forwarded(pod, 8080) as url:
        for _ in range(5):
            with urllib.request.urlopen(f"{url}/hostname", timeout=120) as answer:
                assert answer.read() == b"app"


def test_a_port_without_listener_ends_that_connection(pod: Kubectl) -> None:
    with forwarded(pod, 9) as url, pytest.raises((urllib.error.URLError, ConnectionError)):
        urllib.request.urlopen(url, timeout=120)


def test_run_attached_talks_to_the_main_process(streams: Kubectl) -> None:
    program = "import sys; print(sys.stdin.read().upper())"
    out = streams(
        "run", "-i", "--rm", "loud", "--image=python:3", "--restart=Never", "--quiet",
        "--", "python3", "-c", program, stdin="quiet words",
    )  # fmt: skip
    assert out.strip() == "QUIET WORDS"
    assert "NotFound" in streams.fails("get", "pod", "loud")


class Terminal:
    """A terminal on whose other side a person would sit."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            command, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        self._unread = ""

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def until(self, text: str) -> None:
        """Read on until `text` appears after what was read before."""
        end = time.monotonic() + DEADLINE
        while text not in self._unread:
            ready, _, _ = select.select([self._ours], [], [], max(0, end - time.monotonic()))
            assert ready, f"{text!r} did not appear, only {self._unread!r}"
            self._unread += os.read(self._ours, 4096).decode()
        self._unread = self._unread.partition(text)[2]

    def close(self) -> int:
        """The exit code."""
        try:
            return self.process.wait(timeout=DEADLINE)
        finally:
            self.process.kill()
            os.close(self._ours)


def test_a_terminal_in_a_container_is_a_terminal(pod: Kubectl) -> None:
    terminal = Terminal(pod.command("exec", "-it", "app", "--", "sh"), pod.around())
    prompt = "# " if os.geteuid() == 0 else "$ "
    terminal.until(prompt)
    terminal.type("hostname\r")
    terminal.until("app\r\n")
    # The shell itself takes a ^C that comes before the command has the terminal.
    terminal.type("sh -c 'echo runs; exec sleep 1000'\r")
    terminal.until("runs\r\n")
    terminal.type("\x03")  # ^C ends the command, not the shell
    terminal.until("^C")
    # The line discipline signals first and then flushes: a prompt in between is lost (n_tty, isig).
    terminal.type("\r")
    terminal.until(prompt)
    terminal.type("exit 7\r")
    assert terminal.close() == 7


def test_a_main_process_with_a_terminal_can_be_left_and_attached_to_again(
    streams: Kubectl,
) -> None:
    streams(
        "run", "talk", "--image=python:3", "--stdin", "--tty", "--restart=Never",
        "--attach=false",
    )  # fmt: skip
    streams("wait", "--for=condition=Ready", "pod/talk", "--timeout=120s")
    for number in (1, 2):
        terminal = Terminal(streams.command("attach", "-it", "talk"), streams.around())
        terminal.until("try pressing enter.")
        terminal.type(f"\rprint({number} + 40)\r")
        terminal.until(f"{number + 40}\r\n")
        if number == 2:
            terminal.type("exit()\r")
            streams("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/talk")
        terminal.process.terminate()
        terminal.close()
