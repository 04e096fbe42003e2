"""A target is touched in its windows only, and a blackout wins over every window."""

from __future__ import annotations

from datetime import datetime

import pytest

from resilience.config.windows import Windows

OFFICE = Windows.parse(
    ["* 9-16 * * mon-fri", "30-59 8 * * sat"],
    ["2026-12-24/2026-12-26", "2026-11-20"],
    "Europe/Berlin",
)


def closed(text: str) -> str:
    return OFFICE.closed(datetime.fromisoformat(text))


@pytest.mark.parametrize(
    "moment", ["2026-11-19T09:00+01:00", "2026-11-19T15:59:59+00:00", "2026-11-21T08:30+01:00"]
)
def test_inside_a_window_it_is_open(moment: str) -> None:
    assert closed(moment) == ""


def test_outside_it_says_when_the_next_opens() -> None:
    assert closed("2026-11-19T17:00+01:00") == (
        "outside the windows '* 9-16 * * mon-fri', '30-59 8 * * sat'; "
        "the next opens at 2026-11-20 09:00 CET"
    )


@pytest.mark.parametrize("moment", ["2026-11-20T12:00+01:00", "2026-12-24T09:00+01:00"])
def test_a_blackout_closes_an_open_window(moment: str) -> None:
    assert "blackout" in closed(moment)


def test_a_blackout_is_of_days_in_the_targets_own_zone() -> None:
    night = Windows.parse([], ["2026-11-20"], "Europe/Berlin")
    assert night.closed(datetime.fromisoformat("2026-11-19T23:30:00+00:00"))
    assert not night.closed(datetime.fromisoformat("2026-11-20T23:30:00+00:00"))


def test_without_windows_it_is_always_open() -> None:
    assert Windows().closed(datetime.fromisoformat("2026-11-22T03:00:00+00:00")) == ""


@pytest.mark.parametrize(
    ("windows", "blackouts", "text"),
    [
        (["9-17"], [], r"'9-17': expected a cron expression of five fields"),
        ([], ["24.12.2026"], r"'24.12.2026': expected one date or two"),
        ([], ["2026-12-26/2026-12-24"], r"expected the earlier date first"),
    ],
)
def test_what_cannot_be_understood_is_refused_by_name(
    windows: list[str], blackouts: list[str], text: str
) -> None:
    with pytest.raises(ValueError, match=text):
        Windows.parse(windows, blackouts)
