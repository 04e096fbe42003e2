"""Metrics of the last runs: what an alert reads, and what stays when a scenario did not run."""

from __future__ import annotations

import fcntl
import os
import re
import threading
from dataclasses import replace
from pathlib import Path

from resilience.model.report import RunRecord
from resilience.model.verdict import Outcome, Result
from resilience.report import write_metrics
from resilience.report.machine.metrics import metrics
from tests.report.made import record

LINE = re.compile(r"resilience_(\w+)(\{.*\}) (-?[0-9.e+-]+)")


def values(text: str) -> dict[str, float]:
    """`metric{labels}` to number; every line that is no comment has to be one."""
    lines = [line for line in text.splitlines() if not line.startswith("# ")]
    found = [LINE.fullmatch(line) for line in lines]
    assert all(found), lines
    pairs = [(match[1] + match[2], float(match[3])) for match in found if match]
    assert len(dict(pairs)) == len(pairs), "a series is there twice"
    return dict(pairs)


def named(made: RunRecord, identity: str, **more: object) -> RunRecord:
    return replace(made, scenario=replace(made.scenario, id=identity), **more)  # type: ignore[arg-type]


def of(made: RunRecord, metric: str, more: str = "") -> str:
    scenario = made.scenario
    return f'{metric}{{scenario="{scenario.id}",file="{scenario.place.file}"{more}}}'


def test_a_pass_says_when_it_last_was_one_and_what_was_measured() -> None:
    good = record(broken=False)
    found = values(metrics([good]))
    assert found[of(good, "run_passed")] == 1
    assert found[of(good, "run_outcome", ',outcome="passed"')] == 1
    ended = round(good.started_wall + good.ended - good.started, 3)
    assert found[of(good, "last_success_timestamp_seconds")] == ended
    kept = of(good, "promise_kept", ',promise="checkout.availability"')
    assert found[kept] == 1
    assert found[kept.replace("kept", "value")] == 1.0


def test_a_failure_keeps_the_moment_of_the_last_success() -> None:
    bad = record()
    before = metrics([replace(record(broken=False), scenario=bad.scenario)])
    found = values(metrics([bad], before))
    success = of(bad, "last_success_timestamp_seconds")
    assert found[of(bad, "run_passed")] == 0
    assert found[success] == values(before)[success]
    assert of(bad, "run_outcome", ',outcome="passed"') not in found


def test_a_scenario_of_a_fleet_has_a_line_for_each_cluster() -> None:
    """One that did not run this time stays, as for any other scenario."""
    eu, us = (replace(record(False), environment={"member": name}) for name in ("eu", "us"))
    both = metrics([eu, us])
    assert both.count("resilience_run_passed{") == 2
    again = metrics([eu], both)
    assert again.count("resilience_run_passed{") == 2
    assert 'cluster="us"' in again


def test_a_scenario_that_did_not_run_stays_as_it_was() -> None:
    one, other = named(record(), "one"), named(record(broken=False), "other")
    before = metrics([one, other])
    assert values(metrics([other], before)) == values(before)


def test_what_was_not_measured_is_not_kept() -> None:
    made = record(broken=False)
    findings = [replace(each, result=Result.NOT_MEASURED, value=None) for each in made.findings]
    found = values(metrics([replace(made, findings=findings, outcome=Outcome.NOT_MEASURED)]))
    assert not any(value for key, value in found.items() if key.startswith("promise_kept"))
    assert not any(key.startswith("promise_value") for key in found)


def test_quotes_and_line_ends_of_a_title_stay_inside_their_label() -> None:
    odd = named(record(), 'a"b\\c\nd')
    again = metrics([named(record(), "x")], metrics([odd]))
    assert values(again).keys() >= values(metrics([odd])).keys()


def test_only_a_line_feed_ends_a_line_of_the_file() -> None:
    """A scenario that did not run stays, whatever Unicode calls a line end in its name."""
    old = named(record(broken=False), "a\u2028b\x85c\x0cd")
    text = metrics([named(record(), "new")], metrics([old]))
    assert 'resilience_run_passed{scenario="a\u2028b\x85c\x0cd"' in text


def test_one_help_and_type_for_each_metric_above_its_lines() -> None:
    text = metrics([named(record(), "one"), named(record(), "two")])
    for name in re.findall(r"# HELP (\w+) ", text):
        assert text.count(f"# TYPE {name} gauge\n") == 1
    assert text.endswith("\n")


def test_two_runs_that_end_together_lose_nothing_of_each_other(tmp_path: Path) -> None:
    path = tmp_path / "resilience.prom"
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)  # as the other one, between reading and writing
        ending = threading.Thread(target=write_metrics, args=([named(record(), "ours")], path))
        ending.start()
        ending.join(0.2)
        path.write_text(metrics([named(record(), "theirs")]))
    finally:
        os.close(folder)
    ending.join(10)
    found = values(path.read_text())
    assert {of(named(record(), each), "run_passed") for each in ("ours", "theirs")} <= found.keys()


def test_what_others_wrote_into_the_file_is_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "resilience.prom"
    path.parent.mkdir()
    path.write_text("node_load1 3\nresilience_run_passed 1\n\x00garbage")
    write_metrics([record()], path)
    assert "node_load1" not in path.read_text()
    assert values(path.read_text())
    assert [each.name for each in path.parent.iterdir()] == ["resilience.prom"]


def test_a_run_that_was_measured_once_more_leaves_its_metrics_to_the_second() -> None:
    second = record(broken=False)
    first = replace(second, outcome=Outcome.NOT_MEASURED, again=second.run)
    found = metrics([first, replace(second, before=first.run)])
    assert found == metrics([second])
