"""`redis`, `sql` and `python` against real servers and real callables."""

from __future__ import annotations

import re
import socketserver
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from resilience.ledger.drivers.session import Credential
from resilience.model.values import Duration
from resilience.probes.kinds import python, redis, sql
from resilience.probes.kinds.python import Python
from resilience.probes.kinds.redis import Redis
from resilience.probes.kinds.sql import Sql
from resilience.verbs.context import NotMet
from tests.ledger.drivers import test_real_servers as real
from tests.probes.probing import Context

postgres_server = pytest.fixture(real.postgres.__wrapped__)  # type: ignore[attr-defined]
redis_server = pytest.fixture(real.redis.__wrapped__)  # type: ignore[attr-defined]

Start = Callable[..., real.Redis]


def at(server: Any, **given: Any) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": server.port, "timeout": Duration.of(5), **given}


def failing(kind: Any, parameters: Any) -> str:
    with pytest.raises(NotMet) as told:
        kind.ask(parameters, Context())
    return str(told.value)


def test_redis_answers_as_expected_or_says_what_came(
    redis_server: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = redis_server("--requirepass", "s3cret")
    monkeypatch.setenv("CACHE_PASSWORD", "s3cret")
    password = Credential(env="CACHE_PASSWORD")
    assert "PING to Redis 127.0.0.1 answered" in redis.ask(
        Redis(**at(server, password=password, expect="PONG")), Context()
    )
    wrong = Redis(**at(server, password=password, command=("GET", "x"), expect="y"))
    assert "wrong answer: answered 'None'" in failing(redis, wrong)
    told = failing(redis, Redis(**at(server)))
    assert "wrong answer: the login is refused" in told
    assert "s3cret" not in told
    server.kill()
    assert "connection refused" in failing(redis, Redis(**at(server, password=password)))


def test_redis_answers_are_taken_as_the_server_gives_them(redis_server: Start) -> None:
    """Not as the client library turns them into times and mappings."""
    server = redis_server()
    for command, expected in ((("PING",), "PONG"), (("EXISTS", "x"), "0"), (("TYPE", "x"), "none"),
                              (("SISMEMBER", "x", "y"), "0")):  # fmt: skip
        told = redis.ask(Redis(**at(server, command=command, expect=expected)), Context())
        assert "answered" in told
    told = failing(redis, Redis(**at(server, command=("LASTSAVE",), expect="x")))
    assert re.search(r"answered '\d{9,}'", told)


class OldRedis(socketserver.StreamRequestHandler):
    """A Redis before version 6: it does not know HELLO."""

    def handle(self) -> None:
        while head := self.rfile.readline():
            words = []
            for _ in range(int(head[1:])):
                size = int(self.rfile.readline()[1:])
                words.append(self.rfile.read(size + 2).strip().upper())
            known = words[0] in (b"PING", b"INFO")
            self.wfile.write(b"+PONG\r\n" if known else b"-ERR unknown command\r\n")


def test_a_redis_that_does_not_know_hello_is_asked_as_well() -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), OldRedis) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        port = server.server_address[1]
        wanted = Redis(host="127.0.0.1", port=port, timeout=Duration.of(5), expect="PONG")
        try:
            told = redis.ask(wanted, Context())
        finally:
            server.shutdown()
            thread.join()
    assert "answered" in told


def test_a_redis_probe_reads_only() -> None:
    for command in (("SET", "x", "y"), ("flushall",), ("EVAL", "x", "0"), ()):
        messages = [c.message for c in redis.VERB.check(Redis(host="h", command=command))]
        assert messages == ["a probe does not write"]


def test_sql_answers_as_expected_or_says_what_came(postgres_server: real.Postgres) -> None:
    server = postgres_server
    assert "answered" in sql.ask(Sql(**at(server, expect="1")), Context())
    yes = Sql(**at(server, query="SELECT count(*) > 0 FROM pg_class", expect="true"))
    assert "answered" in sql.ask(yes, Context())
    assert "wrong answer: answered '2'" in failing(sql, Sql(**at(server, query="SELECT 2",
                                                                  expect="1")))  # fmt: skip
    assert "read-only transaction" in failing(
        sql, Sql(**at(server, query="CREATE TABLE x (y int)"))
    )
    assert "does not exist" in failing(sql, Sql(**at(server, database="no_such")))
    plain = Sql(**at(server, database=real.plain_database(server), query="SELECT 'yes'",
                     expect="yes"))  # fmt: skip
    assert "answered" in sql.ask(plain, Context())
    slow = {**at(server, query="SELECT pg_sleep(60)"), "timeout": Duration.of(2)}
    assert "timed out" in failing(sql, Sql(**slow))
    server.kill()
    assert "connection refused" in failing(sql, Sql(**at(server)))


def test_python_calls_and_says_what_was_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mychecks.py").write_text(
        "def good(tenant): assert tenant == 'acme'\n"
        "def bad():\n    assert False, 'the queue has 7 entries\\nand more'\n"
        "def no(): return False\n"
        "NUMBER = 5\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    good = Python(call="mychecks:good", arguments={"tenant": "acme"})
    assert "call mychecks:good answered" in python.ask(good, Context())
    for call, says in (
        ("mychecks:bad", "wrong answer: AssertionError: the queue has 7 entries"),
        ("mychecks:no", "it returned False"),
        ("mychecks:NUMBER", "is a int, expected a callable"),
        ("mychecks:absent", "cannot be imported"),
        ("no_such_module:x", "cannot be imported"),
    ):
        assert says in failing(python, Python(call=call))
    sys.modules.pop("mychecks", None)


@pytest.mark.parametrize("call", ["x", "x:", ":y", "x:y:z", "x y:z", "x:y()"])
def test_a_call_is_module_and_name(call: str) -> None:
    assert [each.field for each in python.VERB.check(Python(call=call))] == ["call"]
