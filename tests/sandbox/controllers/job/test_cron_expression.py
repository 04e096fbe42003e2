"""Cron schedules, against dates worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from resilience.sandbox.controllers.job.cron_expression import ScheduleError, parse


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def after(schedule: str, moment: str, zone: str | None = None) -> str:
    found = parse(schedule, zone).after(at(moment))
    assert found is not None
    return datetime.fromtimestamp(found, UTC).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("schedule", "moment", "following"),
    [
        ("* * * * *", "2026-01-01 00:00:00", "2026-01-01 00:01"),
        ("*/15 * * * *", "2026-01-01 00:15:00", "2026-01-01 00:30"),
        ("0 2 * * *", "2026-01-01 02:00:00", "2026-01-02 02:00"),
        ("5/20 * * * *", "2026-01-01 00:26:00", "2026-01-01 00:45"),
        ("0 9-17/4 * * *", "2026-01-01 09:30:00", "2026-01-01 13:00"),
        ("0 0 31 * *", "2026-01-31 00:00:00", "2026-03-31 00:00"),
        ("0 0 29 2 *", "2026-01-01 00:00:00", "2028-02-29 00:00"),
        ("0 0 * * mon", "2026-01-01 00:00:00", "2026-01-05 00:00"),
        ("0 0 * JAN-MAR sun", "2026-03-29 00:00:00", "2027-01-03 00:00"),
        ("0 0 13 * 5", "2026-01-03 00:00:00", "2026-01-09 00:00"),
        ("0 0 13 * 5", "2026-01-10 00:00:00", "2026-01-13 00:00"),
        ("@daily", "2026-01-01 12:00:00", "2026-01-02 00:00"),
        ("@hourly", "2026-01-01 12:00:00", "2026-01-01 13:00"),
        ("@weekly", "2026-01-01 12:00:00", "2026-01-04 00:00"),
        ("@every 90m", "2026-01-01 12:00:00", "2026-01-01 13:30"),
    ],
)
def test_the_next_start_of_a_schedule_is_after_the_moment(
    schedule: str, moment: str, following: str
) -> None:
    assert after(schedule, moment) == following


@pytest.mark.parametrize(
    ("moment", "following"),
    [
        ("2026-01-01 00:00:00", "2026-01-01 01:30"),
        ("2026-07-01 00:00:00", "2026-07-01 00:30"),
        # 02:30 on 29 March 2026 does not exist in Berlin
        ("2026-03-28 12:00:00", "2026-03-30 00:30"),
    ],
)
def test_a_zone_moves_with_its_clocks(moment: str, following: str) -> None:
    assert after("30 2 * * *", moment, "Europe/Berlin") == following


def test_a_repeated_hour_counts_once() -> None:
    first = parse("30 2 * * *", "Europe/Berlin").after(at("2026-10-24 12:00:00"))
    assert first is not None
    assert first == at("2026-10-25 00:30:00")
    assert parse("30 2 * * *", "Europe/Berlin").after(first) == at("2026-10-26 01:30:00")


@pytest.mark.parametrize(
    "text",
    ["", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *",
     "* * * * 7", "*/0 * * * *", "5-1 * * * *", "a * * * *", "-1 * * * *", "@sometimes",
     "@every x", "1,,2 * * * *"],
)  # fmt: skip
def test_what_is_no_schedule_is_an_error(text: str) -> None:
    with pytest.raises(ScheduleError):
        parse(text)


def test_an_unknown_zone_is_an_error() -> None:
    with pytest.raises(ScheduleError, match="Mars"):
        parse("* * * * *", "Mars/Olympus")


def test_a_day_that_never_comes_is_none() -> None:
    assert parse("0 0 31 2 *").after(at("2026-01-01 00:00:00")) is None
