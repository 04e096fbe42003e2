"""`redis`, `sql` and `python` against real servers and real callables."""

from __future__ import annotations

import re
import socketserver
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from resilience.ledger.drivers.redis_driver import RedisStore
from resilience.ledger.drivers.session import Credential, Refused, Unclear
from resilience.model.values import Duration
from resilience.probes.kinds import python, redis, sql
from resilience.probes.kinds.python import Python
from resilience.probes.kinds.redis import Redis
from resilience.probes.kinds.sql import Sql
from resilience.verbs.context import NotMet
from tests.ledger.drivers import test_real_servers as real
from tests.ledger.drivers.pooler import pooling
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
            self.wfile.write(self.answer(words))

    def answer(self, words: list[bytes]) -> bytes:
        known = words[0] in (b"PING", b"INFO")
        return b"+PONG\r\n" if known else b"-ERR unknown command\r\n"


@contextmanager
def answering(handler: type[socketserver.BaseRequestHandler]) -> Iterator[int]:
    """The port of a server."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def test_a_redis_that_does_not_know_hello_is_asked_as_well() -> None:
    with answering(OldRedis) as port:
        wanted = Redis(host="127.0.0.1", port=port, timeout=Duration.of(5), expect="PONG")
        assert "answered" in redis.ask(wanted, Context())


def test_a_redis_probe_reads_only() -> None:
    for command in (("SET", "x", "y"), ("flushall",), ("EVAL", "x", "0"), ()):
        messages = [c.message for c in redis.VERB.check(Redis(host="h", command=command))]
        assert messages == ["a probe does not write"]


@pytest.mark.parametrize("ignores", [False, True])
def test_sql_is_read_only_and_limited_behind_a_pooler(
    postgres_server: real.Postgres, ignores: bool
) -> None:
    with pooling(postgres_server.port, ignores=ignores) as port:
        where: dict[str, Any] = {"host": "127.0.0.1", "port": port, "timeout": Duration.of(5)}
        assert "answered" in sql.ask(Sql(**where, expect="1"), Context())
        writing = Sql(**where, query="CREATE TABLE x (y int)")
        assert "read-only" in failing(sql, writing)
        limit = Sql(**where, query="SHOW statement_timeout", expect="5s")
        assert "answered" in sql.ask(limit, Context())


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("MOVED 3999 10.0.0.5:6379", "wrong answer: MOVED 3999 10.0.0.5:6379; the key is on"),
        ("READONLY a replica", "wrong answer: READONLY a replica"),
        ("LOADING the dataset", "wrong answer: LOADING the dataset"),
        ("NOPERM no", "wrong answer: NOPERM no"),
        ("MISCONF full", "wrong answer: MISCONF full"),
    ],
)
def test_an_error_of_redis_is_told_with_its_code(said: str, expected: str) -> None:
    class Refusing(OldRedis):
        def answer(self, words: list[bytes]) -> bytes:
            return f"-{said}\r\n".encode()

    with answering(Refusing) as port:
        asked = Redis(host="127.0.0.1", port=port, timeout=Duration.of(5), command=("GET", "x"))
        assert expected in failing(redis, asked)
        session = RedisStore(place=real.place(port))()
        with pytest.raises(Refused, match=said.partition(" ")[0]):
            session.put("x", "y")


@pytest.mark.parametrize(
    "said",
    [
        "UNBLOCKED force unblock from blocking operation, instance state changed",
        "NOPERM no",
        "LOADING the dataset",
    ],
)
def test_a_write_whose_replicas_are_not_waited_for_may_have_taken_effect(said: str) -> None:
    """SET was answered before: a master that becomes a replica ends WAIT with an error."""

    class Demoted(OldRedis):
        def answer(self, words: list[bytes]) -> bytes:
            if words[0] == b"WAIT":
                return f"-{said}\r\n".encode()
            return b"+OK\r\n" if words[0] == b"SET" else b"$0\r\n\r\n"

    with answering(Demoted) as port:
        session = RedisStore(place=real.place(port), wait=1)()
        with pytest.raises(Unclear, match=f"written, but WAIT failed: {said}"):
            session.put("x", "y")
        session.close()


def test_a_write_that_a_redis_refuses_did_not_take_effect() -> None:
    """Also one that the client library takes for a broken connection."""

    class Loading(OldRedis):
        def answer(self, words: list[bytes]) -> bytes:
            if words[0] == b"SET":
                return b"-LOADING Redis is loading the dataset in memory\r\n"
            return b"$13\r\nrun_id:abcdef\r\n" if words[0] == b"INFO" else b"+OK\r\n"

    with answering(Loading) as port:
        session = RedisStore(place=real.place(port))()
        with pytest.raises(Refused, match="LOADING Redis is loading"):
            session.put("x", "y")


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
