"""Every subcommand of the sandbox's agnhost has the program that its table names."""

from __future__ import annotations

import asyncio
import json
from importlib import import_module
from typing import Any

import pytest

from resilience.sandbox.images.agnhost import (
    agnhost_main,
    grpc_health_checking,
    guestbook,
    netexec,
    nettest,
)
from resilience.sandbox.images.agnhost.golang import HttpRequest, content_type
from resilience.sandbox.kubelet.probes import grpc_health
from resilience.sandbox.kubelet.probes.probe import Result


@pytest.mark.parametrize("name", sorted(agnhost_main.SUBCOMMANDS))
def test_a_subcommand_has_a_program(name: str) -> None:
    module = import_module(f"{agnhost_main.__package__}.{agnhost_main.SUBCOMMANDS[name]}")
    assert callable(getattr(module, name.replace("-", "_")))


def test_a_guestbook_tells_its_replicas(monkeypatch: pytest.MonkeyPatch) -> None:
    primary, replica = guestbook.Book("1"), guestbook.Book("1")
    nodes = {"agnhost-primary": primary, "agnhost-replica": replica, "10.0.0.2": replica}

    def ask(self: guestbook.Book, node: str, what: str, **form: str) -> str:
        return nodes[node].answer(HttpRequest("GET", f"/{what}", form, {}, "")).body

    monkeypatch.setattr(guestbook.Book, "_ask", ask)
    monkeypatch.setattr(guestbook, "_own_address", lambda host, port: "10.0.0.2")
    get = HttpRequest("GET", "/guestbook", {"cmd": "get", "key": "k"}, {}, "")
    assert replica.register("agnhost-primary")
    assert replica.answer(get).body == '{"data":""}'
    put = HttpRequest("GET", "/guestbook", {"cmd": "set", "key": "k", "value": "v"}, {}, "")
    assert primary.answer(put).body == '{"message":"Updated"}'
    assert primary.answer(get).body == '{"data":"v"}'
    assert primary.answer(HttpRequest("GET", "/guestbook", {"cmd": "x"}, {}, "")).status == 400
    assert primary.answer(HttpRequest("GET", "/set", {}, {}, "")).status == 400
    assert primary.answer(HttpRequest("GET", "/none", {}, {}, "")).status == 404


@pytest.mark.parametrize(
    ("path", "form", "line"),
    [
        ("/echo", {"msg": "hi"}, "GET /echo?msg=hi&code="),
        ("/header", {}, "GET /header"),
        ("/header", {"key": "X"}, "GET /header?key=X"),
        ("/hostname", {}, "GET /hostname"),
    ],
)
def test_netexec_logs_requests_as_the_real_one(
    path: str, form: dict[str, str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    flags: dict[str, Any] = {k.replace("-", "_"): v for k, v in netexec.FLAGS.items()}
    server = netexec.NetExec(**flags)
    server._answer(HttpRequest("GET", path, form, {}, "10.0.0.1:1"))
    assert capsys.readouterr().err.rstrip().endswith(f" {line}")


def test_a_net_tester_counts_who_writes() -> None:
    tester = nettest.Tester("here", peers=1)
    assert tester.answer(HttpRequest("GET", "/status", {}, {}, "")).body == "running"
    post = HttpRequest("POST", "/write", {}, {}, "", '{"Source": "prestop"}')
    assert tester.answer(post).body == '{"Hostname":"here"}\n'
    tester.answer(HttpRequest("POST", "/write", {}, {}, "", "{}"))
    state = json.loads(tester.answer(HttpRequest("GET", "/read", {}, {}, "")).body)
    assert state["Received"] == {"prestop": 1}
    assert state["Errors"] == ["here: Got request with no source"]


@pytest.mark.parametrize(
    ("service", "delay", "wanted"),
    [
        ("", -1, Result(True)),
        ("", 0, Result(False, 'service unhealthy (responded with "NOT_SERVING")')),
        ("other", -1, Result(False, "error: health rpc probe failed: rpc error: code = NotFound"
                                    " desc = unknown service")),
    ],
)  # fmt: skip
def test_a_health_server_answers_the_kubelets_probe(
    service: str, delay: int, wanted: Result
) -> None:
    health = grpc_health_checking.HealthService(service="", delay=delay)

    async def asked() -> Result:
        server = await asyncio.start_server(health.serve, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            action = {"port": port, "service": service}
            return await grpc_health.check(action, "127.0.0.1", 0, 5.0)

    assert asyncio.run(asked()) == wanted


def test_a_health_server_is_told_what_to_say() -> None:
    health = grpc_health_checking.HealthService(service="", delay=-1)
    health.route(HttpRequest("GET", "/make-not-serving", {}, {}, ""))
    assert not health.serving
    health.route(HttpRequest("GET", "/make-serving", {}, {}, ""))
    assert health.serving


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ('<a href="/x">t</a>', "html"),
        ("  <!DOCTYPE HTML>", "html"),
        ("<!-- note -->", "html"),
        ("<abbr>", "plain"),
        ("a < b", "plain"),
        ("", "plain"),
    ],
)
def test_a_text_without_a_type_gets_the_one_that_go_guesses(body: str, wanted: str) -> None:
    assert content_type(body) == f"text/{wanted}; charset=utf-8"
