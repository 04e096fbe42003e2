"""A file that the command line names is read before a cluster is opened or a sandbox started."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.commands.test_backup_end_to_end import command

GOOD = "plan: good\nnamespaces: [shop]\nstore: file:data\nschedule: '0 0 1 1 *'\n"
BAD = "plan: bad\nnamespaces: [shop]\nstroe: file:data\n"
GONE = ("--kubeconfig", "nowhere")


def typed(desk: Path, *words: str) -> subprocess.CompletedProcess[str]:
    keys = {"AWS_ACCESS_KEY_ID": "tester", "AWS_SECRET_ACCESS_KEY": "secretsecret"}
    return subprocess.run(
        command(*words),
        cwd=desk,
        env={**os.environ, **keys},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    (tmp_path / "good.plan.yaml").write_text(GOOD)
    (tmp_path / "bad.plan.yaml").write_text(BAD)
    (tmp_path / "s.yaml").write_text(
        "scenario: s\nnamespace: a\nwhen: [{sleep: 1s}]\nthen: [{ready: deployment/a}]\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("backup", "run", "bad.plan.yaml", *GONE), "unknown key `stroe`"),
        (("backup", "run", "none.yaml", *GONE), "none.yaml"),
        (("backup", "run", "s.yaml", *GONE), "s.yaml holds a scenario and no plan; expected"),
        (("backup", "create", "s.yaml", *GONE), "to run it: pytest s.yaml"),
        (("backup", "list", "--store", "./data"), "a directory is written as file:./data"),
        (("convert", "."), ". cannot be read: is a directory"),
        (("convert", "none.yaml"), "none.yaml cannot be read: no such file or directory"),
        (("backup", "create", "bad.plan.yaml", *GONE), "unknown key `stroe`"),
        (("backup", "create", "good.plan.yaml", "--signing-key", "none.pem", *GONE), "none.pem"),
        (("backup", "run", "good.plan.yaml", "--signing-key", "none.pem", *GONE), "none.pem"),
        (("backup", "run", "good.plan.yaml", "--identity", "none.txt", *GONE), "none.txt"),
        (("backup", "diff", "latest", "--store", "none.yaml", *GONE), "none.yaml"),
        (("restore", "latest", "--store", "bad.plan.yaml", *GONE), "unknown key `stroe`"),
        (("doctor", "bad.plan.yaml"), "unknown key `stroe`"),
        (("doctor", "none.yaml"), "none.yaml does not exist"),
        (("doctor", "none.yaml", *GONE), "none.yaml does not exist"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_mistyped_file_is_told_before_the_cluster_is_asked(
    desk: Path, words: tuple[str, ...], told: str
) -> None:
    done = typed(desk, *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert told in done.stderr
    assert "kubeconfig" not in done.stderr


@pytest.mark.parametrize("action", ["due", "prune"])
@pytest.mark.parametrize("damaged", ["bad.plan.yaml", "none.yaml"])
def test_one_bad_plan_does_not_keep_the_others_from_their_turn(
    desk: Path, action: str, damaged: str
) -> None:
    done = typed(desk, "backup", action, damaged, "good.plan.yaml")
    assert done.returncode == 1
    assert done.stdout.startswith("good: ")
    assert damaged in done.stderr


@pytest.mark.parametrize("action", ["due", "prune"])
def test_a_store_that_does_not_answer_hides_no_other_plan(desk: Path, action: str) -> None:
    away = "s3://bucket/p?endpoint=http://127.0.0.1:9&region=us-east-1"
    (desk / "away.plan.yaml").write_text(GOOD.replace("file:data", f'"{away}"'))
    done = typed(desk, "backup", action, "away.plan.yaml", "good.plan.yaml")
    assert done.returncode == 1
    assert "error: good: " in done.stderr
    assert done.stdout.startswith("good: ")
