"""Promises that no run could keep are told when they are loaded, to the sample."""

from __future__ import annotations

import pytest

from tests.language.test_door import read

BASE = """\
scenario: a promise
namespace: shop
settle: {settle}
while:
  - http: {{service: shop}}
    rate: {rate}
    objective: {{{objective}}}
{during}
when:
  - sleep: {sleep}
    name: the nap
  - kill: {{pods: app=shop, count: 1}}
    within: {within}
"""


def problems(
    objective: str,
    *,
    rate: str = "1/s",
    sleep: str = "0s",
    within: str = "60s",
    settle: str = "0s",
    during: str = "",
) -> list[str]:
    beside = f"    during: {during}" if during else ""
    text = BASE.format(
        objective=objective, rate=rate, sleep=sleep, within=within, settle=settle, during=beside
    )
    return [str(problem) for problem in read(text).problems]


def test_as_many_samples_as_needed_are_enough() -> None:
    assert problems("availability: 95%", within="60s") == []


def test_a_run_that_can_be_one_sample_short_is_a_problem() -> None:
    (told,) = problems("availability: 95%", within="59s")
    assert "needs 60 samples, and at 1/s no more than 59 fit into the 59s" in told
    assert "a rate of at least 2/s" in told


def test_what_is_told_to_help_does_help() -> None:
    (told,) = problems("availability: 99.9%", within="100s")
    assert "a rate of at least 30/s" in told
    assert problems("availability: 99.9%", within="100s", rate="30/s") == []


def test_the_settling_time_counts_toward_the_number_of_samples() -> None:
    assert problems("availability: 95%", within="50s", settle="10s") == []


def test_a_sleep_lasts_as_long_as_it_says_and_not_its_deadline() -> None:
    assert problems("availability: 95%", sleep="30s", within="30s") == []
    (told,) = problems("availability: 95%", sleep="29s", within="30s")
    assert "fit into the 59s" in told


def test_no_failed_request_can_be_promised() -> None:
    assert problems("availability: 100%", rate="5/s", within="60s") == []
    (told,) = problems("availability: 100%", rate="4/s", within="60s")
    assert "availability of 100% needs 300 samples" in told


@pytest.mark.parametrize(("percentile", "needs"), [("p50", 20), ("p99", 1000), ("p99.9", 10_000)])
def test_a_percentile_needs_ten_samples_beyond_it(percentile: str, needs: int) -> None:
    (told,) = problems(f"{percentile}: 1s", within="1s")
    assert f"{percentile} needs {needs:,} samples" in told
    assert problems(f"{percentile}: 1s", rate=f"{needs}/s", within="1s") == []


def test_an_outage_shorter_than_the_gap_between_requests_cannot_be_seen() -> None:
    assert problems("longest_outage: 1s") == []
    (told,) = problems("longest_outage: 900ms")
    assert "at 1/s an outage of 900ms falls between two requests" in told
    assert "at least 2/s" in told


def test_no_outage_at_all_can_be_promised() -> None:
    assert problems("longest_outage: 0s") == []


def test_a_promise_for_one_step_is_held_against_that_step() -> None:
    assert problems("availability: 95%", sleep="60s", during="the nap") == []
    (told,) = problems("availability: 95%", sleep="59s", during="the nap")
    assert "fit into the 59s" in told


def test_a_promise_for_no_step_is_told_with_the_names_there_are() -> None:
    (told,) = problems("longest_outage: 1s", during="the map")
    assert told.startswith("a.scenario.yaml:8:13: no step under `when:` has the name `the map`")
    assert told.endswith("did you mean `the nap`?")
