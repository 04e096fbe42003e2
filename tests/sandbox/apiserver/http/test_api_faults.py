"""Faults of the API server's own machinery."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.apiserver.live import KUBELET
from tests.sandbox.apiserver.wire import Answer, Wire, config_map

DOOR = "/sandbox/v1/faults/apiserver"
MAPS = "/api/v1/namespaces/NS/configmaps"


@pytest.fixture(autouse=True)
def _clear(wire: Wire) -> Iterator[None]:
    yield
    assert wire("DELETE", DOOR).json == {"faults": []}


def fault(wire: Wire, **body: Any) -> Answer:
    answer = wire("POST", DOOR, {"path": f"/{wire.namespace}/configmaps", **body})
    assert answer.status == 200, answer.message
    return answer


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (429, "TooManyRequests"),
        (500, "InternalError"),
        (503, "ServiceUnavailable"),
        (504, "Timeout"),
    ],
)
def test_an_error_lasts_for_its_number_of_requests(wire: Wire, code: int, reason: str) -> None:
    fault(wire, kind="error", code=code, times=2)
    for _ in range(2):
        answer = wire("GET", MAPS)
        assert (answer.status, answer.json["reason"]) == (code, reason)
    assert wire("GET", MAPS).status == 200


def test_a_fault_sends_the_retry_after_that_it_was_given(wire: Wire) -> None:
    fault(wire, kind="error", code=429, times=1, retryAfter=7)
    assert wire("GET", MAPS).headers["Retry-After"] == "7"


def test_other_methods_and_paths_are_spared(wire: Wire) -> None:
    fault(wire, kind="error", code=503, methods=["POST"])
    assert wire("GET", MAPS).status == 200
    assert wire("POST", MAPS, config_map("x")).status == 503
    assert wire("GET", "/api/v1/namespaces/NS/pods").status == 200


def test_the_sandboxs_own_kubelet_is_spared(wire: Wire) -> None:
    fault(wire, kind="error", code=503)
    assert wire("GET", MAPS, token=KUBELET).status == 200


def test_a_reset_cuts_the_connection(wire: Wire) -> None:
    fault(wire, kind="reset", times=1)
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        wire("GET", MAPS)


def test_a_504_meets_a_watch_as_its_first_event(wire: Wire) -> None:
    fault(wire, kind="error", code=504, times=1)
    with wire.watch(MAPS + "?watch=1") as events:
        event = next(events)
    assert event["type"] == "ERROR"
    assert event["object"]["code"] == 504
    assert event["object"]["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"
    assert event["object"]["details"]["retryAfterSeconds"] == 1


def test_expired_watches_end_and_cannot_resume(wire: Wire) -> None:
    start = wire("GET", MAPS).json["metadata"]["resourceVersion"]
    wire("POST", MAPS, config_map("x"))
    with wire.watch(f"{MAPS}?watch=1&resourceVersion={start}") as events:
        assert next(events)["type"] == "ADDED"
        fault(wire, kind="expire")
        assert list(events) == []
    with wire.watch(f"{MAPS}?watch=1&resourceVersion={start}") as events:
        event = next(events)
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == (
        "ERROR",
        410,
        "Expired",
    )


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"kind": "fly"},
        {"kind": "error", "code": 418},
        {"kind": "delay", "seconds": -1},
        {"kind": "reset", "times": 0},
        {"kind": "reset", "path": "("},
        {"kind": "reset", "methods": "GET"},
    ],
)
def test_a_malformed_fault_is_a_400(wire: Wire, body: Any) -> None:
    assert wire("POST", DOOR, body).status == 400


def test_only_the_administrator_may_break_things(wire: Wire) -> None:
    assert wire("POST", DOOR, {"kind": "reset"}, token=KUBELET).status == 403
    assert wire("POST", DOOR, {"kind": "reset"}, token="").status == 401


def test_pod_faults_go_to_the_kubelet_which_is_absent_here(wire: Wire) -> None:
    answer = wire("POST", "/sandbox/v1/faults/crash", {"namespace": "a", "pod": "b"})
    assert (answer.status, answer.json["reason"]) == (503, "ServiceUnavailable")
