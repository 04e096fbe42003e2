"""The gate over HTTP: any answer but a good one is none."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from resilience.config.targets import Gate
from resilience.engine.guard.gate import fetch, require
from resilience.verbs.context import Refused
from tests.loopback import Answering, serving

ALERTS = Gate(kind="alertmanager", url="http://a", unless='severity="critical"')
PROMETHEUS = Gate(kind="prometheus", url="http://p", unless="up == 0")


def answering(status: int, headers: dict[str, str] | None = None) -> Callable[..., Any]:
    class Server(Answering):
        def do_GET(self) -> None:
            self.answer(status if self.path == "/" else 200, self.path.encode(), headers)

    return Server


def test_a_good_answer_is_its_body() -> None:
    with serving(answering(200)) as url:
        assert fetch(f"{url}/x?a=b") == b"/x?a=b"


@pytest.mark.parametrize("status", [201, 204, 301, 404, 500])
def test_any_other_status_is_no_answer_and_no_redirect_is_followed(status: int) -> None:
    with (
        serving(answering(status, {"Location": "/elsewhere"})) as url,
        pytest.raises(ValueError, match=f"HTTP {status}"),
    ):
        fetch(f"{url}/")


def test_only_alerts_that_are_active_are_asked_for() -> None:
    asked: list[str] = []

    def answer(url: str) -> bytes:
        asked.append(url)
        return b'[{"labels": {"alertname": "b"}}, {"labels": {}}, {"labels": {"alertname": "b"}}]'

    with pytest.raises(Refused, match=r"alertmanager finds `.*`: an alert, b$"):
        require(ALERTS, answer)
    parts = urlsplit(asked[0])
    assert parts.path == "/api/v2/alerts"
    assert parse_qs(parts.query) == {
        "active": ["true"], "silenced": ["false"], "inhibited": ["false"],
        "filter": ['severity="critical"'],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"status": "error", "error": "bad query", "data": {"resultType": "vector", "result": []}},
         "bad query"),
        ({"status": "error", "data": {"resultType": "vector", "result": []}}, "no success"),
        ({"status": "success", "data": {"resultType": "scalar", "result": [0, "0"]}},
         "a scalar; expected a query whose result is empty"),
        ({"status": "success", "data": {"resultType": "vector", "result": None}},
         "no list of series"),
        ({"status": "success", "data": {"resultType": "vector", "result": []},
          "warnings": ["store-2: connection refused"]},
         "data may be missing: store-2: connection refused"),
    ],
)  # fmt: skip
def test_an_answer_that_says_nothing_of_trouble_shuts_the_gate(answer: Any, told: str) -> None:
    with pytest.raises(Refused, match="gives no usable answer") as found:
        require(PROMETHEUS, lambda url: json.dumps(answer).encode())
    assert told in str(found.value)


def test_what_was_found_beside_a_warning_is_told_and_a_note_on_style_is_none() -> None:
    nothing = {"status": "success", "data": {"resultType": "vector", "result": []}}
    require(PROMETHEUS, lambda url: json.dumps({**nothing, "infos": ["not a counter"]}).encode())
    found = {"resultType": "vector", "result": [{"metric": {}, "value": [0, "1"]}]}
    answer = {"status": "success", "data": found, "warnings": ["store-2: gone"]}
    with pytest.raises(Refused, match="finds `up == 0`: 1 series"):
        require(PROMETHEUS, lambda url: json.dumps(answer).encode())


def test_a_list_is_asked_of_alertmanager() -> None:
    with pytest.raises(Refused, match="not a list of alerts"):
        require(ALERTS, lambda url: b'{"labels": {}}')


def test_a_connection_that_breaks_is_no_answer_and_is_not_tried_again() -> None:
    met: list[int] = []

    class Breaking(Answering):
        def do_GET(self) -> None:
            met.append(1)
            if len(met) == 1:
                self.close_connection = True
            else:
                self.answer(200, b"late")

    with serving(Breaking) as url, pytest.raises(OSError, match="closed connection"):
        fetch(f"{url}/")
    assert met == [1]
