"""up, down, status as a user types them."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

from resilience.cluster.interface import NODES
from resilience.sandbox.host import home, processes
from tests.sandbox.running import RunningSandbox, sandbox, wait_for


def command(*arguments: str, tmpdir: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "resilience.sandbox", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={**os.environ, **({"TMPDIR": str(tmpdir)} if tmpdir else {})},
        timeout=60,
        check=False,
    )


def test_the_ready_line_tells_where_everything_is(shared_sandbox: RunningSandbox) -> None:
    ready = shared_sandbox.ready
    assert set(ready) == {"id", "kubeconfig", "server", "directory", "pid"}
    assert ready["pid"] == shared_sandbox.owner.pid
    assert stat.S_IMODE(Path(ready["kubeconfig"]).stat().st_mode) == 0o600
    assert stat.S_IMODE(shared_sandbox.directory.stat().st_mode) == 0o700


def test_three_nodes_are_ready_when_the_sandbox_says_so(shared_sandbox: RunningSandbox) -> None:
    nodes = shared_sandbox.cluster.list(NODES)
    assert [node["metadata"]["name"] for node in nodes] == ["node-1", "node-2", "node-3"]
    for node in nodes:
        ready = [c for c in node["status"]["conditions"] if c["type"] == "Ready"]
        assert ready[0]["status"] == "True"
        assert not node["spec"].get("taints")


def test_no_file_holds_the_authoritys_key(shared_sandbox: RunningSandbox) -> None:
    pki = shared_sandbox.directory / "pki"
    assert sorted(path.name for path in pki.iterdir()) == [
        "apiserver.crt",
        "apiserver.key",
        "ca.crt",
    ]
    assert stat.S_IMODE((pki / "apiserver.key").stat().st_mode) == 0o600


def test_status_lists_a_running_sandbox(shared_sandbox: RunningSandbox) -> None:
    found = json.loads(command("status", "--json").stdout)
    mine = [record for record in found if record["id"] == shared_sandbox.id]
    assert mine[0]["server"] == shared_sandbox.ready["server"]
    assert shared_sandbox.id in command("status").stdout


def test_a_kubeconfig_of_ones_own_is_written_and_removed(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    with sandbox("--kubeconfig", str(path), "--nodes", "1") as running:
        assert running.ready["kubeconfig"] == str(path)
        assert json.loads(path.read_text())["current-context"] == "sandbox"
        assert running.kubectl("get", "nodes", "-o", "name") == "node/node-1\n"
    assert not path.exists()


def test_a_detached_sandbox_outlives_its_command_until_down() -> None:
    done = command("up", "--detach", "--json", "--nodes", "1")
    assert done.returncode == 0, done.stderr
    ready = json.loads(done.stdout)
    record = next(r for r in home.records() if r.id == ready["id"])
    assert record.expires is not None
    assert record.expires - record.started == 3600
    ended = command("down", ready["id"])
    assert ended.stdout == f"sandbox {ready['id']} is gone\n"
    assert not Path(ready["directory"]).exists()
    assert not processes.marked(ready["id"])


def test_a_detached_sandbox_ends_after_its_time_to_live() -> None:
    ready = json.loads(command("up", "--detach", "--json", "--ttl", "1s", "--nodes", "1").stdout)
    wait_for(lambda: not Path(ready["directory"]).exists(), "it is gone by itself")
    wait_for(lambda: not processes.marked(ready["id"]), "its processes are gone")


def test_two_sandboxes_run_side_by_side_on_addresses_of_their_own(
    shared_sandbox: RunningSandbox,
) -> None:
    with sandbox("--nodes", "1") as other:
        addresses = [
            node["status"]["addresses"][0]["address"].split(".")[1]
            for running in (shared_sandbox, other)
            for node in running.cluster.list(NODES)[:1]
        ]
        assert addresses[0] != addresses[1]


def test_down_without_a_name_spares_what_a_test_run_or_a_terminal_needs(short: Path) -> None:
    # A TMPDIR of its own: what others have in the background on this machine is not ours to end.
    with sandbox("--nodes", "1", under=("env", f"TMPDIR={short}")) as running:
        for arguments in (("down",), ("down", "--all")):
            done = command(*arguments, tmpdir=short)
            assert (done.returncode, done.stdout) == (0, "no sandbox is in the background\n")
            assert processes.alive(running.owner.pid)
        path = short / "kubeconfig"
        up = command("up", "--detach", "--nodes=1", f"--kubeconfig={path}", tmpdir=short)
        assert up.returncode == 0, up.stderr
        assert command("down", "--kubeconfig", str(path), tmpdir=short).stdout.endswith("gone\n")
        assert not path.exists()
        assert running.cluster.list(NODES)


def test_down_of_a_kubeconfig_that_is_no_sandboxs_is_an_error(tmp_path: Path) -> None:
    done = command("down", "--kubeconfig", str(tmp_path / "config"))
    assert done.returncode == 1
    assert "leads to no running sandbox" in done.stderr


def test_down_of_an_unknown_sandbox_is_an_error() -> None:
    done = command("down", "sb-nothere")
    assert done.returncode == 1
    assert done.stderr == "error: no sandbox sb-nothere is running; see: status\n"
