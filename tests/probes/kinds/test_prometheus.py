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

from resilience.ledger.drivers.session import Credential
from resilience.model.masks import MASKS
from resilience.model.place import Place
from resilience.model.scenario import Step
from resilience.model.values import Duration
from resilience.model.verb import Phase
from resilience.model.verdict import Finding, Result, Window
from resilience.probes.kinds.prometheus import VERB, Prometheus, promised
from resilience.probes.kinds.query_range import Point, QueryProbe
from resilience.verbs.context import NotMet
from tests.probes.probing import Context

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
    """One series that has `value` at each step."""

    def answer(fields: dict[str, str], token: str) -> Answer:
        start, end, step = (float(fields[name]) for name in ("start", "end", "step"))
        moments = [start + i * step for i in range(int((end - start) / step) + 1)]
        values = [[at, text] for at in moments if (text := value(at)) is not None]
        data = {"resultType": "matrix", "result": [{"metric": labels, "values": values}]}
        return 200, json.dumps({"status": "success", "data": data}).encode()

    return answer


def probe(url: str, **given: Any) -> QueryProbe:
    what = Prometheus(url=url, query="up", resolution=Duration.of(1), **{"at_most": "5", **given})
    step = Step(verb=VERB, parameters=what, phase=Phase.WHILE, path="while[0]", name="queue",
                place=Place("x", 1, 1))  # fmt: skip
    made = QueryProbe(step, Context(), what, promised(what))  # type: ignore[arg-type]
    made._began = time.monotonic() - 30
    return made


def judged(answer: Callable[..., Answer], **given: Any) -> Finding:
    with serving(answer) as url:
        made = probe(url, **given)
        made.stop()
        made.conclude()
        now = time.monotonic()
        [found] = made.judge(Window(since=now - 20, until=now - 1))
    return found


def test_one_value_beyond_the_limit_in_the_window_fails() -> None:
    assert judged(series(lambda at: "5")).result is Result.PASSED
    found = judged(series(lambda at: "5.5", app="shop"))
    assert found.result is Result.FAILED
    assert '5.5 of {"app": "shop"}' in found.measured
    assert judged(series(lambda at: "2"), at_least="3").result is Result.FAILED
    late = time.time() - 1
    assert judged(series(lambda at: "9" if at > late + 0.5 else "1")).result is Result.PASSED


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
