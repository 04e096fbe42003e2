"""`pytest backups/`: three items per plan, on the sandbox, as a newcomer types it. End to end."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest

from resilience.backup.catalog.catalog import Snapshot, snapshots
from resilience.backup.catalog.verify import verify
from resilience.backup.data.sentinel import line
from resilience.backup.store.directory import DirectoryStore

ROOT = Path(__file__).parents[3]


def run(
    *words: object, store: Path, cwd: Path = ROOT, **variables: str
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "NOTES_STORE": f"file:{store}", "PYTHONPATH": str(ROOT)}
    environment |= variables
    environment.pop("KUBECONFIG", None)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, *map(str, words)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


def test_the_shipped_plan_gives_three_tests_and_all_pass(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    done = run("backups", f"--junitxml={report}", store=tmp_path / "store")
    assert done.returncode == 0, done.stdout
    cases = {each.get("name"): each for each in ElementTree.parse(report).iter("testcase")}
    assert set(cases) == {"notes-fresh", "notes-intact", "notes-drill"}
    told = {each.get("name", "") for each in cases["notes-drill"].iter("property")}
    for promise in ("control", "intact", "restored", "ready", "same", "sentinel", "rto"):
        assert any(promise in name for name in told), told


def test_an_application_that_answers_with_an_older_record_fails_the_drill(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "backups", tmp_path / "backups")
    plan = tmp_path / "backups" / "notes.plan.yaml"
    older = line("notes-20260101000000", datetime(2026, 1, 1, tzinfo=UTC))
    read = f"read: {json.dumps(['python', '-c', f'print({older!r})'])}"
    plan.write_text(plan.read_text().replace("read: [python, /app/notes.py, last]", read))
    done = run(plan, "-m", "drill", store=tmp_path / "store", cwd=tmp_path)
    assert done.returncode == 1, done.stdout
    assert "the record was written for snapshot notes-20260101000000" in done.stdout
    assert "not proven" in done.stdout


ENCRYPTED = """\
plan: private
namespaces: [private]
kinds: [configmaps]
given:
  - apply: config.yaml
  - snapshot: this
store: file:./store
recipients: [PUBLIC]
drill: {then: [{matches_snapshot: {as: snapshot}}]}
"""
CONFIG = """\
apiVersion: v1
kind: Namespace
metadata: {name: private}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: private}
data: {greeting: hello}
"""


def test_an_encrypted_plan_is_compared_with_its_identity_and_not_measured_without(
    tmp_path: Path,
) -> None:
    identity = import_module("pyrage").x25519.Identity.generate()
    (tmp_path / "id.txt").write_text(f"{identity}\n")
    (tmp_path / "config.yaml").write_text(CONFIG)
    plan = tmp_path / "private.plan.yaml"
    plan.write_text(ENCRYPTED.replace("PUBLIC", str(identity.to_public())))
    done = run(plan, "--resilience-identity=id.txt", store=tmp_path, cwd=tmp_path)
    assert "3 passed" in done.stdout, done.stdout
    variables = {"RESILIENCE_IDENTITY_FILE": "id.txt"}
    done = run(plan, "-m", "intact", store=tmp_path, cwd=tmp_path, **variables)
    assert "1 passed" in done.stdout, done.stdout
    shutil.rmtree(tmp_path / "store")
    done = run(plan, "-m", "intact", store=tmp_path, cwd=tmp_path)
    assert done.returncode == 21, done.stdout
    assert "its content was not opened" in done.stdout


def test_a_mark_chooses_one_promise(tmp_path: Path) -> None:
    done = run("backups", "-m", "drill", "--collect-only", store=tmp_path / "store")
    assert "notes.plan.yaml::notes-drill" in done.stdout
    assert "1/3 tests collected" in done.stdout


def test_a_plan_without_any_snapshot_fails_in_one_sentence(tmp_path: Path) -> None:
    plan = tmp_path / "empty.plan.yaml"
    plan.write_text(
        "plan: empty\nnamespaces: [default]\nstore: file:./nothing\n"
        "objective: {rpo: 1h, rto: 1m}\n"
        "drill: {then: [{matches_snapshot: {as: snapshot}}]}\n"
    )
    done = run(plan, store=tmp_path / "store", cwd=tmp_path)
    assert done.returncode == 1, done.stdout
    assert "3 failed" in done.stdout
    assert "rpo: no snapshot at all" in done.stdout
    assert "resilience backup create" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.alone
def test_faults_during_a_snapshot_and_a_restore_lose_nothing(tmp_path: Path) -> None:
    """Pods are killed and nodes drained meanwhile; who asks the neighbour notices nothing."""
    report, store = tmp_path / "report.xml", tmp_path / "store"
    scenario = ROOT / "tests" / "backup" / "services" / "lost-and-found.scenario.yaml"
    done = run(scenario, f"--junitxml={report}", store=store)
    assert done.returncode == 0, done.stdout
    (case,) = ElementTree.parse(report).iter("testcase")
    told = {each.get("name", ""): each.get("value") for each in case.iter("property")}
    assert any("availability" in name for name in told), told
    made = snapshots(DirectoryStore(store))
    assert len(made) >= 2  # more where the scenario was measured once more
    assert all(verify(Snapshot(DirectoryStore(store), each)).intact for each in made)
