"""The `prometheus` probe at work: one range query at the start to make sure that there is data, and
one at the end.

The API is https://prometheus.io/docs/prometheus/latest/querying/api/. Any other answer, for
instance the HTML of a login page, is not measured, and its beginning is quoted. An answer with a
warning may lack the very series that broke the limit: it can fail the service, but not pass it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from resilience.model.masks import excerpt
from resilience.model.query_answers import warning
from resilience.model.report import ProbeRecord
from resilience.model.scenario import Step
from resilience.model.verdict import Finding, Result, Window
from resilience.model.words import many, span
from resilience.probes.findings import watched
from resilience.probes.service.server import token
from resilience.verbs.context import NotMet, ProbeContext

if TYPE_CHECKING:
    from resilience.probes.kinds.prometheus import Prometheus

LONGEST = 16 << 20
"""Bytes of an answer that are read."""

BEFORE = 60.0
"""Seconds before the start in which there must be data."""

MOST_POINTS = 10_000
"""Maximum number of values of one series; Prometheus returns at most 11,000."""


class NoAnswer(Exception):
    """Prometheus gave no usable answer; the text says what it did instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One value of one series; `at` is monotonic."""

    at: float
    value: float
    series: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The values of an answer, and why they may be incomplete ("" if they are not)."""

    points: Sequence[Point] = ()
    warning: str = ""


class QueryProbe:
    """`resilience.verbs.context.RunningProbe` and `Concluding`."""

    def __init__(self, step: Step, context: ProbeContext, what: Prometheus, promised: str) -> None:
        self._step, self._context, self._what = step, context, what
        self._promised = promised
        self._began = context.clock.monotonic()
        self._points: Sequence[Point] = ()
        self._warning = ""
        self._trouble = "the run ended before Prometheus was queried"
        namespace = what.namespace or context.namespace
        self._base = what.url.rstrip("/")
        if what.service:
            host, port = context.address(what.service, what.port, namespace)
            self._base = f"http://{host}:{port}"
        held = token(what.token, context, namespace) if what.token else ""
        self._headers = {"Authorization": f"Bearer {held}"} if held else {}

    @property
    def name(self) -> str:
        """The step's name."""
        return self._step.name or self._step.verb.name

    def wait_steady(self, deadline: float) -> None:
        """Return once the newest values are good; NotMet with what was seen instead."""
        told = ""

        def steady() -> bool:
            nonlocal told
            now = self._context.clock.monotonic()
            try:
                answer = self._ask(now - BEFORE, now)
            except NoAnswer as error:
                told = str(error)
                return False
            ordered = sorted(answer.points, key=lambda each: each.at)
            newest = {point.series: point for point in ordered}
            bad = [point for point in newest.values() if not self._good(point.value)]
            told = _told(bad[0]) if bad else answer.warning or "no data"
            return bool(newest) and not bad and not answer.warning

        while not steady():
            if self._context.clock.monotonic() >= deadline:
                raise NotMet(f"expected {self._promised}; observed {told}")
            self._context.clock.wait(min(1.0, self._what.resolution.seconds))

    def progress(self) -> tuple[int, int]:
        """(values, good ones)."""
        return len(self._points), sum(self._good(each.value) for each in self._points)

    def below(self) -> str:
        """This probe has no abort condition."""
        return ""

    def stop(self) -> None:
        """Nothing runs. Idempotent."""

    def conclude(self) -> None:
        """Ask for the whole time."""
        try:
            answer = self._ask(self._began, self._context.clock.monotonic())
            self._points, self._warning = answer.points, answer.warning
            self._trouble = ""
        except NoAnswer as error:
            self._trouble = str(error)

    def judge(self, window: Window) -> Sequence[Finding]:
        """Every value in the window, of every series."""
        inside = [point for point in self._points if window.since <= point.at <= window.until]
        bad = [point for point in inside if not self._good(point.value)]
        series = {point.series for point in inside}
        if bad:
            worst = max(bad, key=lambda point: self._beyond(point.value))
            text = f"{_told(worst)}; {len(bad)} of {many(len(inside), 'value')} broke the limit"
            return [self._finding(Result.FAILED, text)]
        if self._trouble or not inside:
            why = self._trouble or f"no data in the {span(window.length)} that are judged"
            return [self._finding(Result.NOT_MEASURED, why)]
        gap = _gap(inside, window)
        if gap > 2 * self._what.resolution.seconds + 1:
            text = f"no data for {span(gap)} of the {span(window.length)} that are judged"
            return [self._finding(Result.NOT_MEASURED, text)]
        if self._warning:
            return [self._finding(Result.NOT_MEASURED, self._warning)]
        low, high = min(each.value for each in inside), max(each.value for each in inside)
        text = f"{len(inside)} values of {len(series)} time series, from {low:g} to {high:g}"
        return [self._finding(Result.PASSED, text)]

    def record(self) -> ProbeRecord:
        """No samples, but the values."""
        told = [[point.at, point.value, point.series] for point in self._points]
        facts = {"kind": "prometheus", "query": self._what.query, "values": told}
        return ProbeRecord(
            name=self.name, title=self._step.title, rate=0.0, samples=(), facts=facts
        )

    def _good(self, value: float) -> bool:
        most, least = self._what.at_most, self._what.at_least
        return (not most or value <= float(most)) and (not least or value >= float(least))

    def _beyond(self, value: float) -> float:
        """How far a value is outside of the limits."""
        most, least = self._what.at_most, self._what.at_least
        return max(value - float(most) if most else 0.0, float(least) - value if least else 0.0)

    def _finding(self, result: Result, measured: str) -> Finding:
        return watched(self.name, "values", result, promised=self._promised, measured=measured)

    def _ask(self, since: float, until: float) -> Answered:
        """Values between two moments of the monotonic clock."""
        clock = self._context.clock
        apart = clock.wall() - clock.monotonic()
        step = self._what.resolution.seconds
        step = max(step, math.ceil((until - since) / MOST_POINTS))
        answer = self._get({"query": self._what.query, "start": f"{since + apart:.3f}",
                            "end": f"{until + apart:.3f}", "step": f"{step:g}"})  # fmt: skip
        warned = warning(answer)
        why = f"Prometheus warns that data may be missing: {warned}" if warned else ""
        try:
            return Answered(_points(_matrix(answer), apart), why)
        except (TypeError, ValueError, AttributeError) as error:
            raise NoAnswer(f"the time series of {self._base} cannot be read: {error}") from error

    def _get(self, fields: Mapping[str, str]) -> Any:
        import urllib3

        seconds = self._what.timeout.seconds
        ca = str(self._context.directory / self._what.ca) if self._what.ca else None
        with urllib3.PoolManager(retries=False, ca_certs=ca, timeout=seconds) as pool:
            try:
                answer = pool.request(
                    "GET",
                    f"{self._base}/api/v1/query_range",
                    fields=dict(fields),
                    headers=self._headers,
                    redirect=False,
                    preload_content=False,
                )
                body = answer.read(LONGEST + 1)
            except (urllib3.exceptions.HTTPError, OSError) as error:
                raise NoAnswer(f"Prometheus at {self._base} does not answer: {error}") from error
        if len(body) > LONGEST:
            raise NoAnswer(f"Prometheus at {self._base} answered more than {LONGEST >> 20} MiB")
        return _parsed(body, answer.status, self._base)


def _parsed(body: bytes, status: int, base: str) -> Any:
    try:
        answer = json.loads(body)
    except ValueError:
        said = excerpt(body.decode("utf-8", "replace"), 60)
        raise NoAnswer(f"{base} is not a Prometheus server: status {status}, {said!r}") from None
    if not isinstance(answer, dict) or answer.get("status") != "success":
        why = answer.get("error") if isinstance(answer, dict) else None
        raise NoAnswer(f"Prometheus at {base} refuses the query: {why or f'status {status}'}")
    return answer


def _matrix(answer: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    data = answer.get("data")
    if not isinstance(data, dict) or data.get("resultType") != "matrix":
        raise NoAnswer("the answer holds no time series")
    series: Sequence[Mapping[str, Any]] = data.get("result") or ()
    return series


def _points(matrix: Sequence[Mapping[str, Any]], apart: float) -> list[Point]:
    """TypeError, ValueError or AttributeError for anything but time series."""
    found = []
    for series in matrix:
        name = json.dumps(series.get("metric") or {}, sort_keys=True)
        for at, text in series.get("values") or ():
            value = float(text)
            if not math.isnan(value):  # 0/0: no value
                found.append(Point(at=float(at) - apart, value=value, series=name))
    return found


def _gap(points: Sequence[Point], window: Window) -> float:
    """The longest time within the window for which no series has a value."""
    marks = [window.since, *sorted(point.at for point in points), window.until]
    return max(later - earlier for earlier, later in pairwise(marks))


def _told(point: Point) -> str:
    return f"{point.value:g} of {point.series}"
