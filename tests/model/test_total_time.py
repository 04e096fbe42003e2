"""A call that receives a byte now and then ends all the same, at each place that calls out."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from resilience.cluster.capabilities.machines import MachineFailed
from resilience.engine.guard import gate
from resilience.ledger.drivers.trust import Trust
from resilience.machines import redfish
from resilience.model.total_time import TooLong, within
from resilience.probes.kinds.metrics import query_client
from resilience.publish import notify, pushgateway, traces
from tests.probes.server import Server
from tests.report.made import record

LIMIT = 0.5


def dripping(connection: socket.socket) -> None:
    """The head first, byte by byte, each long before any read times out."""
    for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000:
        connection.sendall(bytes([byte]))
        time.sleep(0.05)


def test_the_result_or_the_error_of_a_call_is_its_own() -> None:
    assert within(5.0, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        within(5.0, lambda: 1 // 0)


def test_a_call_that_takes_longer_is_left_behind() -> None:
    over = threading.Event()
    with pytest.raises(TooLong, match=r"no complete answer within 0\.05 s"):
        within(0.05, over.wait)
    over.set()


def pushed(url: str) -> None:
    with pytest.raises(pushgateway.PushFailed, match="no complete answer"):
        pushgateway.push([record()], url, {})


def traced(url: str) -> None:
    with pytest.raises(traces.TracesRefused, match="no complete answer"):
        traces.send([record()], url, {})


def notified(url: str) -> None:
    found = [notify.Message("failed", "title", "body")]
    with pytest.raises(notify.NotSent, match="`failed` did not reach URL 1"):
        notify.send(found, [url.replace("http://", "json://")])


def gated(url: str) -> None:
    with pytest.raises(OSError, match="no complete answer"):
        gate.fetch(url)


def queried(url: str) -> None:
    client = query_client.PrometheusApi(base=url, headers={}, trust=Trust(name=""), timeout=LIMIT)
    with pytest.raises(query_client.NoAnswer, match="no complete answer"):
        client.ask("up", 0.0, 1.0, step=1.0, lasts=1.0, apart=0.0)


@pytest.mark.parametrize("call", [pushed, traced, notified, gated, queried])
def test_an_answer_of_a_byte_at_a_time_does_not_outlast_the_limit(
    call: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (pushgateway, traces, notify, gate):
        monkeypatch.setattr(module, "TIMEOUT", LIMIT)
    with Server(dripping) as server:
        call(f"http://127.0.0.1:{server.port}")


def test_a_bmc_that_drips_does_not_outlast_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redfish, "within", lambda _, act: within(LIMIT, act))
    monkeypatch.setenv("BMC_USER", "u")
    monkeypatch.setenv("BMC_PASSWORD", "p4ssword")
    with Server(dripping) as server:
        url = f"http://127.0.0.1:{server.port}"
        driver = redfish.Redfish(
            system=url, user_variable="BMC_USER", password_variable="BMC_PASSWORD"
        )
        with pytest.raises(MachineFailed, match="no complete answer"):
            driver._ask("GET", url, 5.0)
