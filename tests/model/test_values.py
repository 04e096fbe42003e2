"""Values: what a person writes, what it means exactly, and that it prints back to the same."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from resilience.language.shape import hints
from resilience.language.shape.scalars import SCALARS
from resilience.model.values import Availability, Duration, Rate, Reference, Share, Size

NUMBERS = st.from_regex(r"[0-9]{1,4}(\.[0-9]{1,4})?", fullmatch=True)


def parsed(kind: Any, text: str) -> Any:
    try:
        return kind.parse(text)
    except ValueError:
        assume(False)


@given(st.lists(NUMBERS, min_size=5, max_size=5), st.sets(st.integers(0, 4), min_size=1))
def test_a_duration_prints_back_to_itself(numbers: list[str], units: set[int]) -> None:
    text = "".join(numbers[n] + ("d", "h", "m", "s", "ms")[n] for n in sorted(units))
    value = parsed(Duration, text)
    assert Duration.parse(str(value)) == value


@given(st.integers(0, 10**18), st.sampled_from(("", "k", "M", "Ki", "Mi", "Gi")))
def test_a_size_prints_back_to_itself(number: int, unit: str) -> None:
    value = parsed(Size, f"{number}{unit}")
    again = parsed(Size, str(value))
    assert again == value


@given(NUMBERS, st.sampled_from("smh"))
def test_a_rate_prints_back_to_itself(number: str, unit: str) -> None:
    value = parsed(Rate, f"{number}/{unit}")
    assert parsed(Rate, str(value)) == value


@given(NUMBERS)
def test_a_percentage_prints_back_to_itself(number: str) -> None:
    for kind in (Share, Availability):
        value = parsed(kind, f"{number}%")
        assert kind.parse(str(value)) == value


@given(st.integers(1, 999), st.integers(1, 999))
def test_a_fraction_prints_back_to_itself(part: int, whole: int) -> None:
    value = parsed(Share, f"{part}/{whole}")
    assert Share.parse(str(value)) == value
    assert value.exact == Fraction(part, whole)


@given(st.text(max_size=12), st.sampled_from(sorted(SCALARS, key=str)))
def test_any_text_is_a_value_or_a_value_error(text: str, kind: type[Any]) -> None:
    shape = SCALARS[kind]
    try:
        shape.parse(text)
    except ValueError:
        shape.guess(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("300ms", 0.3),
        ("2s", 2),
        ("1.5s", 1.5),
        ("1m30s", 90),
        ("26h", 93600),
        ("7d", 604800),
        ("0", 0),
        ("0s", 0),
    ],
)
def test_durations_are_parsed_to_seconds(text: str, seconds: float) -> None:
    assert Duration.parse(text).seconds == seconds


@pytest.mark.parametrize(
    "text",
    [
        *("", "5", "s", "5 s", "5sec", "-1s", "1s1m", "1s2s", "1e3s", "٣s", "1.s", "5m "),
        *("9" * 30, "99999d", "0.0000001ms"),
    ],
)
def test_text_that_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="a duration with its unit"):
        Duration.parse(text)


@pytest.mark.parametrize(
    ("share", "count", "chosen"),
    [("1/3", 2, 0), ("1/3", 3, 1), ("33%", 3, 0), ("100%", 5, 5), ("50%", 5, 2)],
)
def test_a_share_of_pods_rounds_down(share: str, count: int, chosen: int) -> None:
    assert Share.parse(share).of(count) == chosen


@pytest.mark.parametrize("text", ["0%", "0/3", "4/3", "101%", "1/0", "0.5", "50", "-1%"])
def test_text_that_is_no_share(text: str) -> None:
    with pytest.raises(ValueError, match="a share above 0"):
        Share.parse(text)


@pytest.mark.parametrize(
    ("availability", "samples"),
    [
        ("99%", 300),
        ("99.9%", 3000),
        ("99.99%", 30000),
        ("0%", 3),
        ("95%", 60),
        ("99.5%", 600),
        ("100%", 300),
    ],
)
def test_an_availability_needs_three_over_what_may_fail(availability: str, samples: int) -> None:
    assert Availability.parse(availability).samples_needed == samples


@pytest.mark.parametrize("text", ["99", "0.99", "100.1%", "-1%", "99 %", "99,9%"])
def test_text_that_is_no_availability(text: str) -> None:
    with pytest.raises(ValueError, match="a percentage from 0% to 100%"):
        Availability.parse(text)


@pytest.mark.parametrize(
    ("text", "interval"), [("50/s", 0.02), ("30/m", 2), ("1/h", 3600), ("0.5/s", 2)]
)
def test_a_rate_is_also_an_interval(text: str, interval: float) -> None:
    assert Rate.parse(text).interval == interval


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("deploy/x", "deployment"),
        ("Deployment/x", "deployment"),
        ("sts/db", "statefulset"),
        ("po/x-1", "pod"),
        ("cj/report", "cronjob"),
    ],
)
def test_a_reference_knows_the_short_names_of_kubectl(text: str, kind: str) -> None:
    reference = Reference.parse(text)
    assert reference.kind == kind
    assert Reference.parse(str(reference)) == reference


@pytest.mark.parametrize(
    ("guess", "written", "meant"),
    [
        (hints.duration, "60", "60s"),
        (hints.duration, "5 min", "5m"),
        (hints.duration, "2 hours", "2h"),
        (hints.duration, "five", ""),
        (hints.availability, "99", "99%"),
        (hints.availability, "0.999", "99.9%"),
        (hints.availability, "1", "100%"),
        (hints.availability, "150", ""),
        (hints.rate, "50", "50/s"),
        (hints.rate, "3000/min", "3000/m"),
        (hints.rate, "0", ""),
        (hints.share, "1 / 3", "1/3"),
        (hints.share, "0.5", "50%"),
        (hints.share, "0", ""),
        (hints.size, "10MB", "10M"),
        (hints.size, "10mib", "10Mi"),
        (hints.size, "5kb", "5k"),
        (hints.whole, "010", "10"),
        (hints.whole, "1e3", "1000"),
        (hints.whole, "1_000", "1000"),
        (hints.selector, "app: shop", "app=shop"),
        (hints.reference, "shop", "deployment/shop"),
        (hints.boolean, "NO", "false"),
    ],
)
def test_what_was_most_likely_meant(guess: Any, written: str, meant: str) -> None:
    assert guess(written) == meant
