"""A run as a trace: spans where the steps were, in the collector's own format."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from resilience.model.masks import MASKS
from resilience.model.verdict import Result
from resilience.publish.traces import TracesRefused, payload, send
from tests.loopback import Answering, serving
from tests.report.made import WALL, record

TRACEPARENT = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"


def spans(made: dict[str, Any]) -> list[dict[str, Any]]:
    return [span for each in made["resourceSpans"] for scope in each["scopeSpans"]
            for span in scope["spans"]]  # fmt: skip


def test_each_step_is_a_span_within_its_run() -> None:
    root, *steps = spans(payload([record()]))
    assert root["name"] == record().scenario.title
    assert root["startTimeUnixNano"] == str(int(WALL * 1e9))
    assert {step["parentSpanId"] for step in steps} == {root["spanId"]}
    assert {step["traceId"] for step in steps} == {root["traceId"]}
    drain = next(step for step in steps if step["name"].startswith("drain"))
    assert int(drain["endTimeUnixNano"]) - int(drain["startTimeUnixNano"]) == 5_000_000_000
    assert [event["name"] for event in root["events"]].count("victim") == 2
    assert "parentSpanId" not in root


def test_ids_are_of_the_format_distinct_and_the_same_when_sent_twice() -> None:
    made = spans(payload([record(), record(False)]))
    assert all(re.fullmatch("[0-9a-f]{32}", span["traceId"]) for span in made)
    assert all(re.fullmatch("[0-9a-f]{16}", span["spanId"]) for span in made)
    assert len({span["spanId"] for span in made}) == len(made)
    assert made == spans(payload([record(), record(False)]))


def test_a_failed_step_has_the_error_and_a_step_that_never_ended_ends_with_the_run() -> None:
    broken = replace(record().steps[2], result=Result.FAILED, message="no Pod left", ended=None)
    _, step = spans(payload([replace(record(), steps=[broken])]))
    assert step["status"] == {"code": 2, "message": "no Pod left"}
    assert step["endTimeUnixNano"] == str(int((WALL + 21.5) * 1e9))


@pytest.mark.parametrize(
    ("parent", "trace"), [(TRACEPARENT, "ab" * 16), ("nonsense", ""), ("00-0-0-01", "")]
)
def test_a_ci_job_that_is_traced_is_the_parent(parent: str, trace: str) -> None:
    root, *_ = spans(payload([record()], parent))
    assert ("parentSpanId" in root) is bool(trace)
    assert not trace or root["traceId"] == trace


class Collector:
    """Keeps what it gets."""

    def __init__(self) -> None:
        self.url, self.status, self.body = "", 200, b"{}"
        self.asked: list[tuple[str, dict[str, str], Any]] = []


@pytest.fixture(name="collector")
def fixture_collector() -> Iterator[Collector]:
    kept = Collector()

    class Handler(Answering):
        def do_POST(self) -> None:
            kept.asked.append((self.path, dict(self.headers), json.loads(self.sent_body())))
            self.answer(kept.status, kept.body)

    with serving(Handler) as kept.url:
        yield kept


def test_they_are_posted_as_json_with_the_headers_of_the_environment(collector: Collector) -> None:
    given = {"OTEL_EXPORTER_OTLP_HEADERS": "x-key=open%20sesame, other=1"}
    assert send([record()], collector.url, given) == 1 + len(record().steps)
    [(path, headers, body)] = collector.asked
    assert path == "/v1/traces"
    assert headers["Content-Type"] == "application/json"
    assert (headers["x-key"], headers["other"]) == ("open sesame", "1")
    assert len(spans(body)) == 1 + len(record().steps)
    assert "open sesame" not in MASKS.over("it is open sesame")


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (503, b"full", "HTTP 503 full"),
        (302, b"", "HTTP 302"),
        (200, b'{"partialSuccess": {"rejectedSpans": "2", "errorMessage": "old"}}',
         "2 spans were rejected"),
    ],
)  # fmt: skip
def test_a_refusal_is_an_error(collector: Collector, status: int, body: bytes, text: str) -> None:
    collector.status, collector.body = status, body
    with pytest.raises(TracesRefused, match=text):
        send([record()], collector.url, {})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"partialSuccess": null}',
        b'{"partialSuccess": {"rejectedSpans": "0"}}',
    ],
)
def test_a_strange_answer_of_success_is_one(collector: Collector, body: bytes) -> None:
    collector.body = body
    assert send([record()], collector.url, {}) > 0


def test_an_absent_collector_is_named() -> None:
    with pytest.raises(TracesRefused, match=r"collector http://127\.0\.0\.1:9"):
        send([record()], "http://127.0.0.1:9", {})
