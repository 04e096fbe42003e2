"""The `resilience` command as its users see it: what it prints, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from resilience.cli import main
from resilience.commands import run as running
from resilience.engine.journal.journal import FORMAT

SOURCE = Path(__file__).parent.parent.parent


def resilience(
    *arguments: str, cwd: Path, timeout: float = 60, home: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    environment = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("RESILIENCE_", "KUBE", "PYTEST_"))
    }
    return subprocess.run(
        [sys.executable, "-m", "resilience", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=timeout,
        env={
            **environment,
            "PYTHONPATH": str(SOURCE),
            **({"HOME": str(home)} if home else {}),
        },
    )


def test_help_lists_every_command(tmp_path: Path) -> None:
    done = resilience("--help", cwd=tmp_path)
    assert done.returncode == 0
    for command in ("run", "schema", "sandbox", "recover", "doctor", "init"):
        assert f"\n    {command} " in done.stdout


@pytest.mark.parametrize(
    ("arguments", "one"), [([], "doctor"), (["backup"], "verify"), (["sandbox"], "status")]
)
def test_a_bare_command_shows_what_there_is(arguments: list[str], one: str, tmp_path: Path) -> None:
    done = resilience(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: resilience" in done.stderr
    assert f"\n    {one} " in done.stderr


@pytest.mark.parametrize("arguments", [["rnu"], ["schema"], ["schema", "pod"], ["init", "--x"]])
def test_wrong_usage_ends_with_exit_code_two(arguments: list[str], tmp_path: Path) -> None:
    done = resilience(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "error: " in done.stderr
    assert "--help`" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("kind", ["scenario", "plan"])
def test_schema_prints_a_json_schema(kind: str, tmp_path: Path) -> None:
    done = resilience("schema", kind, cwd=tmp_path)
    assert done.returncode == 0
    assert "draft-07" in json.loads(done.stdout)["$schema"]


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "resilience", "schema", "scenario"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
    )
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0


def test_a_run_whose_reader_leaves_early_does_not_pass(tmp_path: Path) -> None:
    # Enough output that some of it meets the closed pipe.
    names = "".join(f"def test_{number}_{'x' * 200}(): pass\n" for number in range(500))
    (tmp_path / "test_many.py").write_text(names)
    process = subprocess.Popen(
        [sys.executable, "-m", "resilience", "run", "-v"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
    )
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()
    assert process.returncode == 1


def test_init_writes_a_scenario_that_collects_and_is_never_overwritten(tmp_path: Path) -> None:
    done = resilience("init", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "now run: pytest scenarios/"
    collected = resilience("run", "--collect-only", "-q", "scenarios", cwd=tmp_path)
    assert collected.returncode == 0, collected.stdout
    assert "hello.scenario.yaml::hello-survives-losing-one-of-two-pods" in collected.stdout
    before = (tmp_path / "scenarios" / "hello.scenario.yaml").read_text()
    again = resilience("init", cwd=tmp_path)
    assert again.returncode == 1
    assert again.stderr == (
        "error: scenarios/hello.scenario.yaml already exists; nothing was written\n"
    )
    assert (tmp_path / "scenarios" / "hello.scenario.yaml").read_text() == before


def test_init_where_nothing_can_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = resilience("init", "file/below", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.alone
def test_what_init_wrote_passes_on_the_sandbox(tmp_path: Path) -> None:
    resilience("init", cwd=tmp_path)
    done = resilience("run", "scenarios", "--report", "out", cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "out" / "report.json").exists()


def test_run_ends_with_pytests_exit_code(tmp_path: Path) -> None:
    assert resilience("run", cwd=tmp_path).returncode == pytest.ExitCode.NO_TESTS_COLLECTED
    (tmp_path / "a.scenario.yaml").write_text("scenario: a\n")
    assert resilience("run", cwd=tmp_path).returncode == pytest.ExitCode.INTERRUPTED


def test_run_works_where_warnings_are_errors(tmp_path: Path) -> None:
    """The command has imported the package that pytest wants to rewrite."""
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    (tmp_path / "a.scenario.yaml").write_text("scenario: a\n")
    done = resilience("run", "-p", "no:asyncio", cwd=tmp_path)
    assert "a.scenario.yaml:1:1" in done.stdout, done.stderr
    assert "Traceback" not in done.stderr
    assert "cannot be rewritten" not in done.stdout


def test_run_passes_short_names_and_everything_else_on(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[list[str]] = []

    def record(arguments: list[str]) -> int:
        given.append(arguments)
        return 0

    monkeypatch.setattr(pytest, "main", record)
    monkeypatch.setattr(running, "_installed", lambda: True)
    arguments = ["run", "s/", "--context", "staging", "--seed=7", "--dry-run", "-k", "x", "-x"]
    assert main(arguments) == 0
    assert set(given[0]) == {
        "--resilience-context=staging",
        "--resilience-seed=7",
        "--resilience-dry-run",
        "-k",
        "x",
        "-x",
        "s/",
        "-W",
        running.KNOWN,
    }


def test_recover_with_nothing_left_says_so(tmp_path: Path) -> None:
    done = resilience("recover", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "nothing is left to undo\n")


def test_recover_of_an_unknown_run_names_those_that_are_known(tmp_path: Path) -> None:
    done = resilience("recover", "abc", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == ("error: run 'abc' left nothing to undo; runs that did: none\n")


def test_recover_without_a_kubeconfig_says_which_runs_wait_for_one(tmp_path: Path) -> None:
    journal = tmp_path / ".resilience" / "journal"
    journal.mkdir(parents=True)
    began = {"op": "begin", "format": FORMAT, "run": "r1", "scenario": "lose-one",
             "cluster": "5f0d", "context": "staging", "namespace": "shop", "wall": 1.0}  # fmt: skip
    undo = {"op": "undo", "id": "u1", "verb": "scale", "path": "when[0]", "data": {}, "text": "x"}
    (journal / "r1.jsonl").write_text(f"{json.dumps(began)}\n{json.dumps(undo)}\n")
    done = resilience("recover", cwd=tmp_path, home=tmp_path)
    assert done.returncode == 1
    assert f"kubeconfig {tmp_path}/.kube/config does not exist" in done.stderr
    assert "nothing was undone yet" in done.stderr
    assert "\n  r1: lose-one on staging, namespace shop: 1 change to undo\n" in done.stderr


def test_doctor_starts_a_sandbox_and_says_what_it_found(tmp_path: Path) -> None:
    done = resilience("doctor", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "ok   sandbox: 3 nodes of v" in done.stdout


def test_doctor_of_a_cluster_that_does_not_answer_is_one(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(
        json.dumps(
            {
                "current-context": "c",
                "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
                "users": [{"name": "c", "user": {"token": "t"}}],
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
            }
        )
    )
    done = resilience("doctor", "--kubeconfig", "config", cwd=tmp_path)
    assert done.returncode == 1
    assert (
        "BAD  cluster: GET /version: http://127.0.0.1:1 (context 'c') did not answer" in done.stdout
    )
    assert "Traceback" not in done.stderr


def test_a_bad_setting_is_one_line(tmp_path: Path) -> None:
    done = resilience("doctor", "--context", "x", "--kubeconfig", "absent", cwd=tmp_path)
    assert "BAD  cluster: kubeconfig absent does not exist" in done.stdout


def test_sandbox_is_handed_over_with_its_own_help_and_exit_codes(tmp_path: Path) -> None:
    assert "up" in resilience("sandbox", "--help", cwd=tmp_path).stdout
    assert resilience("sandbox", "up", "--nodes", "0", cwd=tmp_path).returncode == 2
    assert resilience("sandbox", "down", "sb-absent", cwd=tmp_path).returncode == 1


def test_a_sandbox_started_by_the_command_ends_with_ctrl_c(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "resilience", "sandbox", "up", "--json"],
        cwd=tmp_path,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
    )
    assert process.stdout is not None
    ready = json.loads(process.stdout.readline())
    assert Path(ready["directory"]).is_dir()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert not Path(ready["directory"]).exists()
