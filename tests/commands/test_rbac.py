"""`resilience rbac`: which permissions it prints for which use of the files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from resilience import cli

PLAN = """
plan: shop
namespaces: [shop]
store: file:store
volumes: true
objective: {rpo: 26h}
"""

KILL = """
scenario: one Pod less
namespace: web
given: [{ready: deployment/web}]
when: [{kill: {pods: app=web, count: 1}}]
then: [{recovered: {}, within: 1m}]
"""

READS_ALL = ("list", "*", "*", "shop")
EXECS = ("create", "", "pods/exec", "shop")
KILLS = ("delete", "", "pods", "web")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop.plan.yaml").write_text(PLAN)
    (tmp_path / "kill.scenario.yaml").write_text(KILL)
    return tmp_path


def granted(printed: str) -> set[tuple[str, str, str, str]]:
    """(verb, group, resource, namespace) of every rule; "" for all namespaces."""
    objects: list[dict[str, Any]] = json.loads(printed)["items"]
    return {
        (verb, group, resource, each["metadata"].get("namespace", ""))
        for each in objects
        if each["kind"] in ("Role", "ClusterRole")
        for rule in each["rules"]
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def rbac(folder: Path, capsys: pytest.CaptureFixture[str], *more: str) -> set[Any]:
    assert cli.main(["rbac", str(folder), "-o", "json", *more]) == 0
    return granted(capsys.readouterr().out)


def test_all_uses_are_printed_together(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert {READS_ALL, EXECS, KILLS} <= rbac(folder, capsys)


def test_a_plan_without_a_drill_can_be_backed_up_with_what_is_printed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "kill.scenario.yaml").unlink()
    assert {READS_ALL, EXECS} <= rbac(folder, capsys)


@pytest.mark.parametrize(
    ("use", "expected"),
    [
        ("scenarios", {KILLS}),
        ("backup", {READS_ALL, EXECS}),
        ("proof", set()),
    ],
)
def test_one_use_gets_its_own_permissions_only(
    folder: Path, capsys: pytest.CaptureFixture[str], use: str, expected: set[Any]
) -> None:
    assert rbac(folder, capsys, "--only", use) & {READS_ALL, EXECS, KILLS} == expected


def test_several_uses_need_the_permissions_of_each(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = rbac(folder, capsys, "--only", "scenarios", "--only", "backup")
    assert {READS_ALL, EXECS, KILLS} <= found


def test_a_use_that_no_file_has_is_an_error_that_names_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["rbac", str(folder), "--only", "drill"]) == 1
    assert "no drill in" in capsys.readouterr().err


def test_the_command_may_read_whether_each_namespace_consents(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = rbac(folder, capsys, "--only", "backup")
    assert ("get", "", "namespaces", "shop") in found
    assert ("update", "coordination.k8s.io", "leases", "resilience-journal") in found


@pytest.mark.parametrize(
    ("words", "names", "presupposed"),
    [
        ((), {"resilience-journal"}, ": shop\n"),
        (("--without-namespaces",), set(), ": resilience-journal, shop\n"),
        (("--with-namespaces",), {"resilience-journal", "shop"}, ""),
    ],
)
def test_a_namespace_of_somebody_else_is_printed_only_when_asked_for(
    folder: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], names: set[str],
    presupposed: str,
) -> None:  # fmt: skip
    """Applied, it takes away the labels that were applied before: consent, and Pod security. Those
    that are not printed have to exist."""
    assert cli.main(["rbac", str(folder), "-o", "json", "--only", "backup", *words]) == 0
    printed = capsys.readouterr()
    items = json.loads(printed.out)["items"]
    assert {each["metadata"]["name"] for each in items if each["kind"] == "Namespace"} == names
    assert printed.err.endswith(presupposed)
    assert bool(printed.err) is bool(presupposed)


COPY = """
scenario: a copy is restored
namespace: web
when:
  - parallel:
      - restore: {store: 'file:store', into: web-copy}
      - sleep: 1s
then:
  - {ready: deployment/web, within: 1m}
  - http: {service: web.web-copy}
"""


def test_a_namespace_that_a_restore_creates_is_not_printed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Applied, it would exist, and the restore refuses a namespace that exists. No Role can stand
    in it before, so its permissions are in the ClusterRole."""
    path = folder / "copy.scenario.yaml"
    path.write_text(COPY)
    assert cli.main(["rbac", str(path), "-o", "json", "--with-namespaces"]) == 0
    printed = capsys.readouterr().out
    items = json.loads(printed)["items"]
    spaces = {each["metadata"].get("namespace") for each in items}
    named = {each["metadata"]["name"] for each in items if each["kind"] == "Namespace"}
    assert "web-copy" not in spaces | named
    assert "web" in spaces & named
    assert {("create", "*", "*", ""), ("patch", "*", "*", "")} <= granted(printed)


def test_a_restore_into_its_own_namespace_needs_nothing_in_all_of_them(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "back.scenario.yaml"
    path.write_text(COPY.replace(", into: web-copy", "").replace("web.web-copy", "web"))
    assert cli.main(["rbac", str(path), "-o", "json"]) == 0
    found = granted(capsys.readouterr().out)
    assert ("create", "*", "*", "web") in found
    assert ("create", "*", "*", "") not in found
