"""/metrics and /healthz of a watch."""

from __future__ import annotations

import http.client
from pathlib import Path

import pytest

from resilience.daily.loop import Status
from resilience.daily.serving import SILENT, TROUBLE, healthy, metrics, served


def asked(port: int, path: str, method: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path)
    answer = connection.getresponse()
    try:
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def status() -> Status:
    made = Status(beat=1000.0, next=2000.0)
    made.runs['a"b.yaml', "passed"] = 3
    made.skipped["pause"] = 2
    made.last["a.yaml"] = 1500.5
    return made


def test_the_metrics_say_what_ran_what_was_left_out_and_what_is_next() -> None:
    lines = metrics(status()).splitlines()
    assert (
        'resilience_watch_runs_total{file="a\\\\"b.yaml",verdict="passed"} 3'.replace("\\\\", "\\")
        in lines
    )
    assert 'resilience_watch_skipped_total{reason="pause"} 2' in lines
    assert 'resilience_watch_last_run_timestamp_seconds{file="a.yaml"} 1500.500' in lines
    assert "resilience_watch_next_run_timestamp_seconds 2000.000" in lines
    assert "resilience_watch_halted 0" in lines


def test_health_is_a_loop_that_works_and_a_halt_is_health() -> None:
    made = status()
    assert healthy(made, 1000.0) == ""
    assert "no sign of life" in healthy(made, 1001.0 + SILENT)
    made.running = "a.yaml"
    assert healthy(made, 99999.0) == ""
    made.running, made.halted = "", "a.yaml failed"
    assert healthy(made, 1000.0) == ""
    made.troubled = TROUBLE
    assert "did not work" in healthy(made, 1000.0)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs.prom"


def test_it_answers_on_loopback_and_nothing_else(runs: Path) -> None:
    made = status()
    with served(("127.0.0.1", 0), made, lambda: 1000.0, runs) as port:
        assert asked(port, "/healthz") == (200, "ok\n")
        assert "resilience_of_a_run" not in asked(port, "/metrics")[1]
        runs.write_text("resilience_of_a_run 1\n")
        code, text = asked(port, "/metrics?x=1")
        assert code == 200
        assert text.endswith("resilience_of_a_run 1\n")
        assert asked(port, "/healthz", "HEAD") == (200, "")
        assert asked(port, "/other")[0] == 404
        assert asked(port, "/metrics", "POST")[0] == 501
        made.troubled = TROUBLE
        assert asked(port, "/healthz")[0] == 503


def test_an_address_that_is_taken_is_an_error() -> None:
    with (
        served(("127.0.0.1", 0), status(), lambda: 0.0, None) as port,
        pytest.raises(OSError, match="in use"),
        served(("127.0.0.1", port), status(), lambda: 0.0, None),
    ):
        raise AssertionError("it listens twice")
