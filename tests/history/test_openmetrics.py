"""OpenMetrics: what a parser of others accepts, each series together and in order."""

from __future__ import annotations

import re
from dataclasses import replace

from resilience.history.badge import badge
from resilience.history.openmetrics import openmetrics
from resilience.history.trends import histories
from tests.history.made import outcomes, past

LINE = re.compile(r'resilience_(\w+)\{((?:[a-z]+="(?:[^"\\]|\\.)*",?)+)\} ([-+.\de]+) (\d+\.\d{3})')


def test_every_line_is_of_the_format_and_ends_with_eof() -> None:
    text = openmetrics(histories(outcomes("pfnp")))
    *lines, last = text.splitlines()
    assert last == "# EOF"
    samples = [line for line in lines if not line.startswith("#")]
    assert all(LINE.fullmatch(line) for line in samples)
    assert len(samples) == 4 * 4
    types = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert types == ["resilience_run_passed", "resilience_run_seconds", "resilience_promise_kept",
                     "resilience_promise_value"]  # fmt: skip


def test_samples_of_a_series_stand_together_in_order_and_once_a_moment() -> None:
    runs = [past(2), past(0), past(1, "service failed"), past(1, run="twice")]
    text = openmetrics(histories(runs))
    passed = [LINE.fullmatch(line) for line in text.splitlines() if "run_passed{" in line]
    times = [float(match[4]) for match in passed if match]
    assert times == sorted(set(times))
    assert len(times) == 3


def test_runs_that_end_within_a_millisecond_are_one_sample() -> None:
    """promtool may abort where a series has two samples with the same time."""
    first = past(1)
    runs = [first, replace(first, run="other", started=first.started + 0.0001)]
    times = [line.split()[-1] for line in openmetrics(histories(runs)).splitlines()
             if "run_passed{" in line]  # fmt: skip
    assert len(times) == len(set(times)) == 1


def test_label_values_are_escaped() -> None:
    text = openmetrics(histories([past(0, scenario='a"b\\c\nd')]))
    assert r'scenario="a\"b\\c\nd"' in text


def test_the_badge_is_red_only_where_something_fails() -> None:
    good, bad, shaky = (badge(histories(outcomes(each))) for each in ("pp", "pf", "pfpfp"))
    assert "1 of 1 passed" in good
    assert "#17713f" in good
    assert "#b92620" in bad
    assert "1 flaky" in shaky
    assert "#7d5300" in shaky
    assert "no runs" in badge([])
    assert "http" not in good.replace("http://www.w3.org/2000/svg", "")
