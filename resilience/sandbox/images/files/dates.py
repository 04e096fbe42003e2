"""Times as `date -d`, `touch -d` and `find -newermt` read them, in the zone of `TZ`, else UTC."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from resilience.sandbox.images.text.command_line import Refused

_STEP = re.compile(
    r"(?:^|(?<=\s))(?:(now|today|yesterday|tomorrow)"
    r"|(?:([-+])\s*)?(\d+)?\s*(sec|second|min|minute|hour|day|week)s?(\s+ago)?)(?=\s|$)",
    re.IGNORECASE,
)
_SECONDS = {"sec": 1, "second": 1, "min": 60, "minute": 60, "hour": 3600, "day": 86400,
            "week": 604800}  # fmt: skip
_DAYS = {"now": 0, "today": 0, "yesterday": -86400, "tomorrow": 86400}
_ZONE = re.compile(r"\s*(?:(Z|UTC|GMT)|([-+])(\d\d):?(\d\d))$")
_FORMS = (
    "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%Y-%m-%d %H:%M:%S.%f", "%Y%m%d",
    "%Y%m%d%H%M", "%b %d %H:%M:%S %Y", "%d %b %Y %H:%M:%S", "%a, %d %b %Y %H:%M:%S",
    "%a %b %d %H:%M:%S %Y", "%d %b %Y", "%b %d %Y", "%Y.%m.%d-%H:%M:%S",
)  # fmt: skip
_OF_TODAY = ("%H:%M:%S", "%H:%M")


@contextmanager
def clock_of_container() -> Iterator[None]:
    """A container without `TZ` is in UTC, whatever this machine's zone is."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = before or "UTC"
    time.tzset()
    try:
        yield
    finally:
        if before is None:
            del os.environ["TZ"]
        time.tzset()


def moment(text: str, *, now: float) -> float:
    """Seconds since 1970 of @N, an ISO time, `2 days ago` and what can follow a time."""
    plain = text.strip()
    if re.fullmatch(r"@-?\d+(\.\d+)?", plain):
        return float(plain[1:])
    shift = 0.0
    for step in _STEP.finditer(plain):
        if step[1]:
            shift += _DAYS[step[1].lower()]
            continue
        backwards = (step[2] == "-") != bool(step[5])
        shift += _SECONDS[step[4].lower()] * int(step[3] or 1) * (-1 if backwards else 1)
    rest = _STEP.sub("", plain).strip()
    return shift + (_absolute(rest, text, now) if rest else now)


def _absolute(plain: str, text: str, now: float) -> float:
    zone: tzinfo | None = None
    found = _ZONE.search(plain) if re.search(r"\d:\d\d", plain) else None
    if found:
        ahead = timedelta(hours=int(found[3] or 0), minutes=int(found[4] or 0))
        zone = UTC if found[1] else timezone(-ahead if found[2] == "-" else ahead)
        plain = plain[: found.start()]
    plain = re.sub(r"(\d)[tT](\d)", r"\1 \2", plain)
    for form in (*_FORMS, *_OF_TODAY):
        try:
            value = datetime.strptime(plain, form)
        except ValueError:
            continue
        if form in _OF_TODAY:
            day = datetime.fromtimestamp(now, zone)
            value = value.replace(year=day.year, month=day.month, day=day.day)
        return value.replace(tzinfo=zone).timestamp()
    raise Refused(f"invalid date '{text}'")


def stamp(text: str) -> float:
    """`touch -t`: [[CC]YY]MMDDhhmm[.ss]."""
    digits, _, seconds = text.partition(".")
    year = {8: time.strftime("%Y"), 10: "20", 12: ""}.get(len(digits), "?")
    try:
        return datetime.strptime(f"{year}{digits}{seconds or '00'}", "%Y%m%d%H%M%S").timestamp()
    except ValueError:
        raise Refused(f"invalid date '{text}'") from None
