"""Every subcommand of the sandbox's agnhost has the program that its table names."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest

from resilience.sandbox.images.agnhost import agnhost_main, guestbook, netexec
from resilience.sandbox.images.agnhost.golang import Request


@pytest.mark.parametrize("name", sorted(agnhost_main.SUBCOMMANDS))
def test_a_subcommand_has_a_program(name: str) -> None:
    module = import_module(f"{agnhost_main.__package__}.{agnhost_main.SUBCOMMANDS[name]}")
    assert callable(getattr(module, name.replace("-", "_")))


def test_a_guestbook_tells_its_replicas(monkeypatch: pytest.MonkeyPatch) -> None:
    primary, replica = guestbook.Book("1"), guestbook.Book("1")
    nodes = {"agnhost-primary": primary, "agnhost-replica": replica, "10.0.0.2": replica}

    def ask(self: guestbook.Book, node: str, what: str, **form: str) -> str:
        return nodes[node].answer(Request("GET", f"/{what}", form, {}, "")).body

    monkeypatch.setattr(guestbook.Book, "_ask", ask)
    monkeypatch.setattr(guestbook, "_own_address", lambda host, port: "10.0.0.2")
    get = Request("GET", "/guestbook", {"cmd": "get", "key": "k"}, {}, "")
    assert replica.register("agnhost-primary")
    assert replica.answer(get).body == '{"data": ""}'
    put = Request("GET", "/guestbook", {"cmd": "set", "key": "k", "value": "v"}, {}, "")
    assert primary.answer(put).body == '{"message":"Updated"}'
    assert primary.answer(get).body == '{"data": "v"}'
    assert primary.answer(Request("GET", "/guestbook", {"cmd": "x"}, {}, "")).status == 400
    assert primary.answer(Request("GET", "/set", {}, {}, "")).status == 400
    assert primary.answer(Request("GET", "/none", {}, {}, "")).status == 404


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
    server._answer(Request("GET", path, form, {}, "10.0.0.1:1"))
    assert capsys.readouterr().err.rstrip().endswith(f" {line}")
