"""A report read back chooses the same victims again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from resilience.cluster.access.embedded import Embedded
from resilience.cluster.interface import Object
from resilience.engine.base import seeds
from resilience.engine.base.replay import Known, Repeated, of
from resilience.verbs.context import Refused
from tests.real_cluster import scenarios


def pods(*names: str, prefix: str = "u") -> list[Object]:
    return [
        {"kind": "Pod", "metadata": {"name": name, "namespace": "shop", "uid": f"{prefix}-{name}"}}
        for name in names
    ]


def names(chosen: list[Any]) -> list[str]:
    return [each["metadata"]["name"] for each in chosen]


def known(*names: str) -> list[Known]:
    return [Known("Pod", "shop", name, f"u-{name}") for name in names]


@pytest.mark.parametrize("seed", range(20))
def test_who_is_there_by_uid_is_chosen_whatever_the_seed(seed: int) -> None:
    random = Repeated(seed, "when[0]", known("b", "d"))
    assert names(random.sample(pods("a", "b", "c", "d"), 2)) == ["b", "d"]


def test_who_is_there_by_name_is_chosen_where_uids_are_new() -> None:
    random = Repeated(1, "when[0]", known("db-1"))
    assert names(random.sample(pods("db-0", "db-1", "db-2", prefix="new"), 1)) == ["db-1"]


@pytest.mark.parametrize("seed", range(20))
def test_where_names_are_new_the_same_ordinals_are_chosen(seed: int) -> None:
    before = seeds.stream(seed, "when[0]").sample(pods("a", "b", "c", "d"), 2)
    ordinals = [pods("a", "b", "c", "d").index(each) for each in before]
    fresh = pods("w", "x", "y", "z", prefix="new")
    again = Repeated(seed, "when[0]", known(*names(before))).sample(fresh, 2)
    assert [fresh.index(each) for each in again] == ordinals


def test_some_that_are_known_are_not_enough() -> None:
    random = Repeated(3, "when[0]", known("a", "gone"))
    usual = seeds.stream(3, "when[0]").sample(pods("a", "b", "c"), 2)
    assert names(random.sample(pods("a", "b", "c"), 2)) == names(usual)


def test_a_report_without_the_scenario_is_refused(tmp_path: Path) -> None:
    run = {"scenario": {"id": "other"}, "seed": 1, "timeline": []}
    (tmp_path / "report.json").write_text(json.dumps({"runs": [run]}))
    with pytest.raises(Refused, match="holds no run of mine; it holds: other"):
        of(tmp_path / "report.json", "mine")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"runs": [1]}', '{"runs": 3}'])
def test_what_is_no_report_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(Refused, match="is not a report"):
        of(tmp_path / "report.json", "mine")


def test_a_report_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="No such file"):
        of(tmp_path / "report.json", "mine")


def test_a_run_is_repeated_with_the_seed_of_its_report(folder: Path, embedded: Embedded) -> None:
    first = scenarios(folder, embedded.kubeconfig, "-q", "--resilience-report=one")
    report = json.loads((folder / "one/report.json").read_text())
    scenarios(folder, embedded.kubeconfig, "-q", "--resilience-report=two",
              "--resilience-seed=1", "--resilience-replay=one/report.json")  # fmt: skip
    again = json.loads((folder / "two/report.json").read_text())
    assert report["runs"][0]["victims"], first.stdout
    assert again["runs"][0]["seed"] == report["runs"][0]["seed"] != 1
    missing = scenarios(folder, embedded.kubeconfig, "-q", "--resilience-replay=three/report.json")
    assert missing.returncode == 23
    assert "--resilience-replay three/report.json: No such file" in missing.stdout
