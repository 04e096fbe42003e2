"""The `prometheus` probe against a server of HTTP: values, no data, HTML, refusals."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from resilience.cluster.capabilities.means import Means
from resilience.ledger.drivers.session import Credential
from resilience.model.masks import MASKS
from resilience.model.values import Duration
from resilience.model.verdict import Finding, Result, Window
from resilience.probes.kinds.metrics.query_client import Point
from resilience.probes.kinds.metrics.query_range import QueryProbe
from resilience.probes.kinds.prometheus import VERB, Prometheus, promised
from resilience.verbs.context import NotMet
from tests.ledger.trial import free_port
from tests.probes.probing import Context, Sandbox, step

Answer = tuple[int, bytes]


@contextmanager
def serving(answer: Callable[[dict[str, str], str], Answer]) -> Iterator[str]:
    """A server that answers a query's fields and its token."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            fields = {name: texts[0] for name, texts in parse_qs(urlsplit(self.path).query).items()}
            status, body = answer(fields, self.headers.get("Authorization", ""))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def series(value: Callable[[float], str | None], **labels: str) -> Callable[..., Answer]:
    """One series that has `value` at each step until now."""

    def answer(fields: dict[str, str], token: str) -> Answer:
        start, end, step = (float(fields[name]) for name in ("start", "end", "step"))
        moments = [start + i * step for i in range(int((end - start) / step) + 1)]
        known = [at for at in moments if at <= time.time()]
        values = [[at, text] for at in known if (text := value(at)) is not None]
        data = {"resultType": "matrix", "result": [{"metric": labels, "values": values}]}
        return 200, json.dumps({"status": "success", "data": data}).encode()

    return answer


def probe(url: str, **given: Any) -> QueryProbe:
    usual = {"query": "up", "resolution": Duration.of(1), "at_most": "5"}
    what = Prometheus(url=url, **{**usual, **given})
    context: Any = Context()
    made = QueryProbe(step(what, verb=VERB), context, what, promised(what))
    made._began = time.monotonic() - 30
    return made


def judged(answer: Callable[..., Answer], **given: Any) -> Finding:
    now = time.monotonic()
    with serving(answer) as url:
        made = probe(url, **given)
        made.stop()
        made.conclude()
        [found] = made.judge(Window(since=now - 20, until=now - 1))
    return found


def test_one_value_beyond_the_limit_in_the_window_fails() -> None:
    assert judged(series(lambda at: "5")).result is Result.PASSED
    found = judged(series(lambda at: "5.5", app="shop"))
    assert found.result is Result.FAILED
    assert '5.5 of {"app": "shop"}' in found.measured
    assert judged(series(lambda at: "2"), at_least="3").result is Result.FAILED
    late = judged(series(lambda at: "9" if at > time.time() - 0.5 else "1"))
    assert late.result is Result.PASSED


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (series(lambda at: None), "no data in the 19s that are judged"),
        (series(lambda at: "NaN"), "no data in the 19s that are judged"),
        (lambda fields, token: (200, b"<!doctype html><title>Log in</title>"),
         "is not a Prometheus server: status 200, '<!doctype html>"),
        (lambda fields, token: (200, b"[]"), "refuses the query: status 200"),
        (lambda fields, token: (400, b'{"status": "error", "error": "parse error"}'),
         "refuses the query: parse error"),
        (lambda fields, token: (200, b'{"status": "success", "data": {"resultType": "scalar"}}'),
         "holds no time series"),
        (lambda fields, token: (200, b'{"status": "success", "data": {"resultType": "matrix",'
                                     b' "result": [7]}}'), "cannot be read: 'int' object"),
        (series(lambda at: "many"), "cannot be read: could not convert string to float: 'many'"),
        (lambda fields, token: (302, b""), "is not a Prometheus server: status 302"),
    ],
)  # fmt: skip
def test_what_says_nothing_is_not_measured(answer: Callable[..., Answer], says: str) -> None:
    found = judged(answer)
    assert found.result is Result.NOT_MEASURED
    assert says in found.measured


def with_notes(answer: Callable[..., Answer], **notes: object) -> Callable[..., Answer]:
    """The same answer, with further fields."""

    def noted(fields: dict[str, str], token: str) -> Answer:
        status, body = answer(fields, token)
        return status, json.dumps({**json.loads(body), **notes}).encode()

    return noted


PARTIAL = {"warnings": ["receive series from store-2: connection refused"]}


def test_an_answer_with_a_warning_can_fail_but_not_pass() -> None:
    """What Thanos left out may be the series that broke the limit."""
    found = judged(with_notes(series(lambda at: "1"), **PARTIAL))
    assert found.result is Result.NOT_MEASURED
    assert "data may be missing: receive series from store-2" in found.measured
    assert judged(with_notes(series(lambda at: "9"), **PARTIAL)).result is Result.FAILED
    notes: list[dict[str, Any]] = [
        {"warnings": []},
        {"warnings": None},
        {"infos": ["not a counter"]},
    ]
    for harmless in notes:
        assert judged(with_notes(series(lambda at: "1"), **harmless)).result is Result.PASSED


def test_nothing_is_broken_while_prometheus_warns() -> None:
    with (
        serving(with_notes(series(lambda at: "1"), **PARTIAL)) as url,
        pytest.raises(NotMet, match="observed Prometheus warns that data may be missing"),
    ):
        probe(url).wait_steady(time.monotonic())


def test_a_token_ends_with_its_line_and_no_part_of_it_is_quoted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    MASKS.clear()
    seen: list[str] = []

    def echo(fields: dict[str, str], token: str) -> Answer:
        seen.append(token)
        return 401, b"x" * 55 + token.removeprefix("Bearer ").encode()

    monkeypatch.setenv("QUERY_TOKEN", "s3cret-4711\n")
    found = judged(echo, token=Credential(env="QUERY_TOKEN"))
    MASKS.clear()
    assert set(seen) == {"Bearer s3cret-4711"}
    assert "s3c" not in found.measured
    for text in ("", "s3cret\n4711"):
        monkeypatch.setenv("QUERY_TOKEN", text)
        with pytest.raises(NotMet, match="the token is empty or cannot be sent"):
            probe("http://127.0.0.1:9", token=Credential(env="QUERY_TOKEN"))
    MASKS.clear()


def test_a_hole_in_the_data_is_not_measured_unless_something_is_broken() -> None:
    middle = time.time() - 10

    def holed(value: str) -> Callable[..., Answer]:
        return series(lambda at: None if abs(at - middle) < 5 else value)

    found = judged(holed("1"))
    assert found.result is Result.NOT_MEASURED
    assert "no data for " in found.measured
    assert judged(holed("9")).result is Result.FAILED


@pytest.mark.parametrize(
    ("limits", "values", "worst"),
    [
        ({"at_most": "5"}, ("6", "9", "7"), "9 of"),
        ({"at_least": "5"}, ("4", "1", "3"), "1 of"),
        ({"at_least": "-5", "at_most": "5"}, ("-9", "6"), "-9 of"),
    ],
)
def test_the_value_that_is_told_is_the_one_furthest_outside(
    limits: dict[str, str], values: tuple[str, ...], worst: str
) -> None:
    judging = probe("http://127.0.0.1:9", **{"at_most": "", **limits})
    judging._trouble = ""
    judging._points = [
        Point(at=float(at), value=float(value), series="{}") for at, value in enumerate(values)
    ]
    [found] = judging.judge(Window(since=0.0, until=10.0))
    assert found.result is Result.FAILED
    assert found.measured.startswith(worst)


def sampled(apart: float, *, old: bool = False) -> Callable[..., Answer]:
    """A series of 3s. A sample counts as long as the query says, or five minutes (`old`)."""

    def answer(fields: dict[str, str], token: str) -> Answer:
        names = ("start", "end", "step", "lookback_delta")
        start, end, step, lasts = (float(fields[name]) for name in names)
        lasts = 300.0 if old else lasts
        moments = [start + i * step for i in range(int((end - start) / step) + 1)]
        newest = [(at, min(at, time.time()) // apart * apart) for at in moments]
        values = [[at, "3"] for at, sample in newest if at - lasts < sample]
        found = [{"metric": {}, "values": values}] if values else []
        data = {"resultType": "matrix", "result": found}
        return 200, json.dumps({"status": "success", "data": data}).encode()

    return answer


def test_a_value_that_needs_no_sample_is_refused_before_anything_is_broken() -> None:
    with serving(sampled(1, old=True)) as url:
        with pytest.raises(NotMet, match="11s from now, when there is no sample") as told:
            probe(url).wait_steady(time.monotonic() + 60)
        assert told.value.final
        assert "`last_over_time(METRIC[1s])`" in str(told.value)
        probe(url, query="last_over_time(up[1s])").wait_steady(time.monotonic() + 60)
    with serving(sampled(1)) as url:
        probe(url).wait_steady(time.monotonic() + 60)


def test_samples_further_apart_than_they_count_are_not_measured() -> None:
    found = judged(sampled(6))
    assert found.result is Result.NOT_MEASURED
    assert "where samples are more than 1s apart, `resolution` has to say so" in found.measured
    assert judged(sampled(6), resolution=Duration.of(6)).result is Result.PASSED
    with serving(sampled(6)) as url, pytest.raises(NotMet, match="`resolution` has to say so"):
        probe(url).wait_steady(time.monotonic())


def test_values_that_may_all_be_of_a_sample_before_the_window_are_not_measured() -> None:
    found = judged(sampled(6), resolution=Duration.of(30))
    assert found.result is Result.NOT_MEASURED
    assert found.measured.startswith("every value may be of a sample before the 19s that are")
    ranged = judged(sampled(6), resolution=Duration.of(30), query="last_over_time(up[6s])")
    assert ranged.result is Result.PASSED


@pytest.mark.parametrize(("status", "final"), [(400, True), (422, True), (503, False)])
def test_a_query_that_is_wrong_is_not_sent_again_and_again(status: int, final: bool) -> None:
    refused = (status, b'{"status": "error", "error": "no"}')
    with (
        serving(lambda fields, token: refused) as url,
        pytest.raises(NotMet, match="refuses the query: no") as told,
    ):
        probe(url).wait_steady(time.monotonic() + (60 if final else 0))
    assert told.value.final is final


def test_from_outside_of_a_cluster_the_next_step_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    outside = Sandbox()
    outside.means = Means()
    for cluster, advised in ((outside, True), (Sandbox(), False)):
        what = Prometheus(service="prometheus", query="up", at_most="5")
        context: Any = Context(free_port(), cluster)
        made = QueryProbe(step(what, verb=VERB), context, what, promised(what))
        with pytest.raises(NotMet, match="does not answer") as told:
            made.wait_steady(time.monotonic())
        assert ("usually leads nowhere: give its `url`" in str(told.value)) is advised


def test_it_begins_only_with_good_values() -> None:
    for value, says in (("9", "observed 9 of {}"), (None, "observed no data")):
        with serving(series(lambda at, value=value: value)) as url:  # type: ignore[misc]
            with pytest.raises(NotMet, match=says):
                probe(url).wait_steady(time.monotonic())
    with serving(series(lambda at: "1")) as url:
        probe(url).wait_steady(time.monotonic() + 60)
    with pytest.raises(NotMet, match="does not answer"):
        probe(url).wait_steady(time.monotonic())


def test_a_token_is_sent_and_never_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROM_TOKEN", "s3cret")
    seen: list[str] = []

    def answer(fields: dict[str, str], token: str) -> Answer:
        seen.append(token)
        return 401, b"no"

    found = judged(answer, token=Credential(env="PROM_TOKEN"))
    assert seen == ["Bearer s3cret"]
    assert "s3cret" not in str(found)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "nothing to ask"),
        ({"url": "ftp://x"}, "`url` is 'ftp://x'"),
        ({"url": "http://a:b@c"}, "holds a user name"),
        ({"service": "p", "at_most": ""}, "any value would be accepted"),
        ({"service": "p", "at_most": "nan"}, "`at_most` is 'nan'"),
        ({"service": "p", "at_most": "5%"}, "`at_most` is '5%'"),
        ({"service": "p", "resolution": Duration.of(0.5)}, "`resolution` is 500ms"),
        ({"service": "p", "token": Credential()}, "`token` does not say where to read the value"),
    ],
)
def test_what_does_not_fit_together_is_said(given: dict[str, Any], says: str) -> None:
    what = Prometheus(**{"query": "up", "at_most": "5", **given})
    assert says in " ".join(each.message for each in VERB.check(what))
