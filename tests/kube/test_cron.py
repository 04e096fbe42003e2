"""Schedules: the field's grammar, daylight saving, and what is refused when it is read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.kube.cron import Cron

BERLIN = "Europe/Berlin"
NOON = datetime(2026, 10, 24, 12, tzinfo=UTC)
"""The day before clocks go back in Berlin."""


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def fires(cron: Cron, since: datetime, until: datetime) -> list[str]:
    return [f.astimezone(cron.zone).isoformat() for f in cron.between(since, until)]


def test_a_fixed_time_in_the_repeated_hour_fires_once() -> None:
    cron = Cron.parse("30 2 * * *", BERLIN)
    assert fires(cron, NOON, NOON + timedelta(days=2)) == [
        "2026-10-25T02:30:00+02:00",
        "2026-10-26T02:30:00+01:00",
    ]


def test_a_fixed_time_that_is_skipped_fires_when_the_gap_ends() -> None:
    cron = Cron.parse("30 2 * * *", BERLIN)
    assert fires(cron, at("2026-03-28T12:00Z"), at("2026-03-30T12:00Z")) == [
        "2026-03-29T03:00:00+02:00",
        "2026-03-30T02:30:00+02:00",
    ]


def test_two_times_in_one_gap_fire_once() -> None:
    cron = Cron.parse("15,45 2 * * *", BERLIN)
    assert fires(cron, at("2026-03-29T00:00Z"), at("2026-03-29T12:00Z")) == [
        "2026-03-29T03:00:00+02:00"
    ]


def test_every_half_hour_stays_every_half_hour_through_both_changes() -> None:
    cron = Cron.parse("*/30 * * * *", BERLIN)
    for day in ("2026-10-24T20:00Z", "2026-03-28T20:00Z"):
        found = list(cron.between(at(day), at(day) + timedelta(hours=12)))
        assert {b - a for a, b in pairwise(found)} == {timedelta(minutes=30)}
        assert len(found) == 24


@pytest.mark.parametrize(
    ("window", "moment", "inside"),
    [
        ("* 9-16 * * mon-fri", "2026-11-20T09:00:00+01:00", True),
        ("* 9-16 * * mon-fri", "2026-11-20T08:59:59+01:00", False),
        ("* 9-16 * * mon-fri", "2026-11-20T16:59:59+01:00", True),
        ("* 9-16 * * mon-fri", "2026-11-20T17:00:00+01:00", False),
        ("* 9-16 * * mon-fri", "2026-11-21T12:00:00+01:00", False),
        ("* 2 * * *", "2026-10-25T02:30:00+02:00", True),
        ("* 2 * * *", "2026-10-25T02:30:00+01:00", True),
        ("* 2 * * *", "2026-03-29T03:00:00+02:00", False),
    ],
)
def test_a_window_is_half_open_on_the_wall_clock(window: str, moment: str, inside: bool) -> None:
    assert Cron.parse(window, BERLIN).matches(datetime.fromisoformat(moment)) is inside


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 2 * *", "five fields"),
        ("0 0 2 * * *", "five fields"),
        ("CRON_TZ=America/New_York 0 3 * * *", "`timezone: America/New_York`.* it: 0 3"),
        ("TZ=UTC @daily", "`timezone: UTC`, and the schedule without it: @daily"),
        ("@every 1h", "fixed times"),
        ("0 0/5 2 * * *", r"without seconds: 0/5 2 \* \* \*"),
        ("", "five fields"),
        ("nonsense", "five fields"),
        ("0 25 * * *", "in range"),
        ("0 2 * * blah", "in range"),
        ("0 0 30 2 *", "never does"),
        ("59/1 * * * *", "a range before the step"),
    ],
)
def test_what_cannot_be_a_schedule_is_refused_when_it_is_read(text: str, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        Cron.parse(text)


@pytest.mark.parametrize("name", ["Europe/Berlon", "", "../etc/passwd", "CEST5"])
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="IANA time zone"):
        Cron.parse("0 2 * * *", name)


def test_short_forms_mean_what_cron_means() -> None:
    assert Cron.parse("@weekly").next_after(at("2026-11-21T00:00Z")) == at("2026-11-22T00:00Z")


@given(
    st.datetimes(datetime(2025, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)),
    st.sampled_from(["30 2 * * *", "*/20 * * * *", "0 3 * * sun", "15 2,3 * * *", "0 0 1 * *"]),
    st.sampled_from([BERLIN, "UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]),
)
def test_next_and_previous_are_inverse(moment: datetime, text: str, zone: str) -> None:
    cron = Cron.parse(text, zone)
    following = cron.next_after(moment)
    assert following > moment
    assert cron.previous_before(following + timedelta(seconds=1)) == following
    before = cron.previous_before(moment)
    assert before < moment
    assert cron.next_after(before) >= moment or cron.next_after(before) == moment
