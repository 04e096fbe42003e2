"""What many runs say: first failing run, flaky or not, one scenario on one cluster at a time."""

from __future__ import annotations

import pytest

from resilience.history.trends import histories
from tests.history.made import outcomes, past, series


@pytest.mark.parametrize(
    ("letters", "first", "good"),
    [
        ("ppp", None, None),
        ("ppff", 2, 1),
        ("fppff", 3, 2),
        ("ff", 0, None),
        ("ppfnf", 2, 1),
        ("ppnf", 3, 1),
        ("ppnn", None, None),
        ("pfn", 1, 0),
    ],
)
def test_the_first_failing_run_of_the_present_row(
    letters: str, first: int | None, good: int | None
) -> None:
    [found] = histories(outcomes(letters))
    assert (found.first_failing, found.last_good) == (first, good)


@pytest.mark.parametrize(
    ("letters", "flaky"),
    [("pppppppp", False), ("ppppffff", False), ("pfpfpp", True), ("ppfpp", False),
     ("pfp" + "p" * 20, False), ("pnpnpnpn", False), ("pf" + "f" * 6, False), ("p" * 30, False),
     ("pfpfpffffffffffffffffffffff", False)],
)  # fmt: skip
def test_flaky_is_what_changes_its_mind(letters: str, flaky: bool) -> None:
    [found] = histories(outcomes(letters))
    assert bool(found.flaky) is flaky


def test_flaky_is_also_two_answers_on_one_commit() -> None:
    [found] = histories(outcomes("pppf", commit="abc"))
    assert found.flaky.commits == ("abc",)
    [quiet] = histories(outcomes("pppf", commit=""))
    assert not quiet.flaky


def test_runs_on_different_clusters_have_separate_histories() -> None:
    found = histories([past(0), past(1, cluster="sandbox"), past(2, file="other.yaml")])
    assert len(found) == 3


def test_a_run_that_was_measured_once_more_does_not_count() -> None:
    [found] = histories([past(0, "not measured", again=True), past(1)])
    assert (found.judged, len(found.runs)) == (1, 1)


def test_a_trend_follows_the_number_and_marks_its_change() -> None:
    [found] = histories(reversed(series([1.0] * 30 + [2.0] * 30)))
    [trend] = found.trends
    assert trend.values[:2] == (1.0, 1.0)
    assert [(each.at, each.before, each.after) for each in trend.changes] == [(30, 1.0, 2.0)]
    assert found.runs[trend.runs[30]].run == "00001e-000000"


def test_what_fails_stands_first_then_what_is_flaky() -> None:
    runs = [*outcomes("pp", scenario="b", label="b"), *outcomes("pf", scenario="c", label="c"),
            *outcomes("pfpfp", scenario="d", label="d")]  # fmt: skip
    assert [each.scenario for each in histories(runs)] == ["c", "d", "b"]
