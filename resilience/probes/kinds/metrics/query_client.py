"""One question to Prometheus: the time series of a query between two moments.

The API is https://prometheus.io/docs/prometheus/latest/querying/api/. Any other answer, for
instance the HTML of a login page, is `NoAnswer`, and its beginning is quoted.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resilience.ledger.drivers.trust import Trust
from resilience.model.masks import excerpt
from resilience.model.query_answers import warning
from resilience.model.total_time import within

LONGEST = 16 << 20
"""Bytes of an answer that are read."""

MOST_POINTS = 10_000
"""Maximum number of values of one series; Prometheus returns at most 11,000."""


class NoAnswer(Exception):
    """Prometheus gave no usable answer; the text says what it did instead. A `final` one comes
    again however often the query is sent."""

    def __init__(self, text: str, *, final: bool = False) -> None:
        super().__init__(text)
        self.final = final


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


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusApi:
    """Where it is and what it takes. `advice` follows an error of the connection."""

    base: str
    headers: Mapping[str, str]
    trust: Trust
    timeout: float
    advice: str = ""

    def ask(
        self, query: str, since: float, until: float, *, step: float, lasts: float, apart: float
    ) -> Answered:
        """The values every `step` seconds between two moments of the monotonic clock, `apart` from
        the wall clock. A sample counts for `lasts` seconds."""
        step = max(step, math.ceil((until - since) / MOST_POINTS))
        answer = self._get({"query": query, "start": f"{since + apart:.3f}",
                            "end": f"{until + apart:.3f}", "step": f"{step:g}",
                            "lookback_delta": f"{lasts:g}",
                            "max_lookback": f"{lasts:g}"})  # fmt: skip  # VictoriaMetrics' name
        warned = warning(answer)
        why = f"Prometheus warns that data may be missing: {warned}" if warned else ""
        try:
            return Answered(_points(_matrix(answer), apart), why)
        except (TypeError, ValueError, AttributeError) as error:
            raise NoAnswer(f"the time series of {self.base} cannot be read: {error}") from error

    def _get(self, fields: Mapping[str, str]) -> Any:
        import urllib3

        name = self.trust.name or None
        with urllib3.PoolManager(
            retries=False, timeout=self.timeout, ssl_context=self.trust.context(),
            server_hostname=name, assert_hostname=name,
        ) as pool:  # fmt: skip

            def get() -> tuple[int, bytes]:
                answer = pool.request(
                    "GET",
                    f"{self.base}/api/v1/query_range",
                    fields=dict(fields),
                    headers=dict(self.headers),
                    redirect=False,
                    preload_content=False,
                )
                return answer.status, answer.read(LONGEST + 1)

            try:
                status, body = within(self.timeout, get)
            except (urllib3.exceptions.HTTPError, OSError) as error:
                raise NoAnswer(
                    f"Prometheus at {self.base} does not answer: {error}{self.advice}"
                ) from error
        if len(body) > LONGEST:
            raise NoAnswer(f"Prometheus at {self.base} answered more than {LONGEST >> 20} MiB")
        return _parsed(body, status, self.base)


def _parsed(body: bytes, status: int, base: str) -> Any:
    try:
        answer = json.loads(body)
    except ValueError:
        said = excerpt(body.decode("utf-8", "replace"), 60)
        raise NoAnswer(f"{base} is not a Prometheus server: status {status}, {said!r}") from None
    if not isinstance(answer, dict) or answer.get("status") != "success":
        why = answer.get("error") if isinstance(answer, dict) else None
        raise NoAnswer(
            f"Prometheus at {base} refuses the query: {why or f'status {status}'}",
            final=status in (400, 422),
        )
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
