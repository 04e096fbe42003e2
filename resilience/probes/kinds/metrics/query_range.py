"""The `prometheus` probe at work: range queries at the start to make sure that there is data, and
one at the end.

An answer with a warning may lack the very series that broke the limit: it can fail the service, but
not pass it. Which values count is said in `sample_rules`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from resilience.cluster.reach import OUTSIDE, outside
from resilience.model.report import ProbeRecord
from resilience.model.scenario import Step
from resilience.model.verdict import Finding, Result, Window
from resilience.model.words import many, span
from resilience.probes.findings import watched
from resilience.probes.kinds.metrics.query_client import Answered, NoAnswer, Point, PrometheusApi
from resilience.probes.kinds.metrics.sample_rules import Samples
from resilience.probes.service.server import token, trusting
from resilience.verbs.context import NotMet, ProbeContext

if TYPE_CHECKING:
    from resilience.probes.kinds.prometheus import Prometheus

BEFORE = 60.0
"""Seconds before the start in which there must be data."""


class QueryProbe:
    """`resilience.verbs.context.RunningProbe` and `Concluding`."""

    def __init__(self, step: Step, context: ProbeContext, what: Prometheus, promised: str) -> None:
        self._step, self._context, self._what = step, context, what
        self._promised = promised
        self._began = context.clock.monotonic()
        self._points: Sequence[Point] = ()
        self._warning = ""
        self._trouble = "the run ended before Prometheus was queried"
        self._samples = Samples(query=what.query, lasts=what.resolution.seconds)
        self._server = _server(what, context)

    @property
    def name(self) -> str:
        """The step's name."""
        return self._step.name or self._step.verb.name

    def wait_steady(self, deadline: float) -> None:
        """Return once the newest values are good; NotMet with what was seen instead."""
        self._require_samples()
        while wrong := self._unsteady():
            if self._context.clock.monotonic() >= deadline:
                raise NotMet(f"expected {self._promised}; observed {wrong}")
            self._context.clock.wait(min(1.0, self._what.resolution.seconds))

    def _unsteady(self) -> str:
        """What is wrong with the newest values, "" for nothing."""
        now = self._context.clock.monotonic()
        try:
            answer = self._ask(now - BEFORE, now)
        except NoAnswer as error:
            if error.final:
                raise NotMet(f"{self._promised}: {error}", final=True) from error
            return str(error)
        points = sorted(answer.points, key=lambda each: each.at)
        if not points:
            return answer.warning or "no data"
        newest = {point.series: point for point in points}.values()
        if bad := [point for point in newest if not self._good(point.value)]:
            return _told(bad[0])
        seen = Window(since=points[0].at, until=now)
        return answer.warning or self._samples.hole([each.at for each in points], seen)

    def _require_samples(self) -> None:
        """NotMet for a query that has a value at a moment of which there can be no sample."""
        if self._samples.ranged:
            return
        later = self._context.clock.monotonic() + self._samples.ahead
        try:
            answer = self._ask(later, later)
        except NoAnswer:
            return  # the next query says so
        if answer.points:
            raise NotMet(self._samples.unneeded(_told(answer.points[0])), final=True)

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
        if bad:
            worst = max(bad, key=lambda point: self._beyond(point.value))
            text = f"{_told(worst)}; {len(bad)} of {many(len(inside), 'value')} broke the limit"
            return [self._finding(Result.FAILED, text)]
        if doubt := self._doubt(inside, window):
            return [self._finding(Result.NOT_MEASURED, doubt)]
        low, high = min(each.value for each in inside), max(each.value for each in inside)
        series = {point.series for point in inside}
        text = f"{len(inside)} values of {len(series)} time series, from {low:g} to {high:g}"
        return [self._finding(Result.PASSED, text)]

    def _doubt(self, inside: Sequence[Point], window: Window) -> str:
        """Why good values do not prove that the limit was met throughout, "" if they do."""
        if self._trouble or not inside:
            return self._trouble or f"no data in the {span(window.length)} that are judged"
        moments = [point.at for point in inside]
        return (
            self._samples.hole(moments, window)
            or self._samples.early(moments, window)
            or self._warning
        )

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
        return self._server.ask(self._what.query, since, until, step=self._samples.step,
                                lasts=self._samples.lasts,
                                apart=clock.wall() - clock.monotonic())  # fmt: skip


def _server(what: Prometheus, context: Any) -> PrometheusApi:
    namespace = what.namespace or context.namespace
    base, name = what.url.rstrip("/"), ""
    if what.service:
        host, port = context.address(what.service, what.port, namespace)
        base, name = f"{what.scheme}://{host}:{port}", f"{what.service}.{namespace}"
    held = token(what.token, context, namespace) if what.token else ""
    return PrometheusApi(
        base=base,
        headers={"Authorization": f"Bearer {held}"} if held else {},
        trust=trusting(what, context, name),
        timeout=what.timeout.seconds,
        advice=f"; {OUTSIDE}give its `url`" if outside(context.cluster, what.service) else "",
    )


def _told(point: Point) -> str:
    return f"{point.value:g} of {point.series}"
