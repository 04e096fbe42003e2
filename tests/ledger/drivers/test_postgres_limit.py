"""Statements that PostgreSQL does not end by itself: waits for an absent standby, and a freeze."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from random import Random

import psycopg
import pytest

from resilience.ledger.drivers.postgres_driver import PostgresStore
from resilience.ledger.drivers.session import Unclear
from resilience.ledger.history import History
from resilience.ledger.records import Fate
from resilience.ledger.writers import Writers
from tests.ledger.drivers import test_real_servers as real

server_fixture = pytest.fixture(name="server")(real.postgres.__wrapped__)  # type: ignore[attr-defined]


def waiting_for_nobody(server: real.Postgres, standby: str) -> None:
    with psycopg.connect(
        host="127.0.0.1", port=server.port, user="postgres", autocommit=True
    ) as admin:
        admin.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{standby}'")
        admin.execute("SELECT pg_reload_conf()")
        end = time.monotonic() + real.PATIENCE
        while admin.execute("SHOW synchronous_standby_names").fetchone() != (standby,):
            assert time.monotonic() < end


def test_writes_that_wait_for_a_standby_are_unknown_and_hold_up_no_others(
    tmp_path: Path, server: real.Postgres
) -> None:
    """Each held a thread and a connection for good, until no writer was left."""
    store = PostgresStore(place=replace(real.place(server.port), timeout=0.4))
    history = History(tmp_path / "ledger.jsonl", {})
    writers = Writers(store, history, real.START, interval=0.05, timeout=0.4, size=64, sampled=0.0,
                      random=Random(1))  # fmt: skip
    writers.start()
    try:
        real.acknowledged(history, 5)
        waiting_for_nobody(server, "nobody")
        end = time.monotonic() + real.PATIENCE
        while count(history, Fate.UNKNOWN) < 40 and time.monotonic() < end:
            time.sleep(0.01)
        waiting_for_nobody(server, "")
        real.acknowledged(history, history.acknowledged + 5)
    finally:
        writers.stop(10.0)
    assert writers.trouble == ""
    unknown = [write for write in history.writes if write.fate is Fate.UNKNOWN]
    assert len(unknown) >= 40, "more than there are writers"
    assert {write.why for write in unknown} <= {
        "no answer within 0.5 s", "canceling wait for synchronous replication due to user request"
    }  # fmt: skip
    history.close(keep=False)


def count(history: History, fate: Fate) -> int:
    return sum(write.fate is fate for write in history.writes)


def test_a_frozen_server_holds_no_writer(server: real.Postgres) -> None:
    """Nobody there takes a cancellation either."""
    session = PostgresStore(place=replace(real.place(server.port), timeout=0.4))()
    session.put(f"{real.START}00000001", "x")
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    everyone = [server.process.pid, *map(int, children.read_text().split())]
    for pid in everyone:
        os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(Unclear, match=r"no answer within 0\.5 s"):
            session.put(f"{real.START}00000002", "x")
    finally:
        for pid in everyone:
            os.kill(pid, signal.SIGCONT)
    assert session.put(f"{real.START}00000003", "x")
    session.close()


def test_the_table_is_dropped_without_a_standby_too(server: real.Postgres) -> None:
    session = PostgresStore(place=replace(real.place(server.port), timeout=0.4))()
    session.put(f"{real.START}00000001", "x")
    waiting_for_nobody(server, "nobody")
    session.clear()
    session.clear()
    session.close()
    waiting_for_nobody(server, "")


def test_a_statement_within_its_limit_keeps_its_connection(server: real.Postgres) -> None:
    session = PostgresStore(place=real.place(server.port))()
    session.put(f"{real.START}00000001", "x")
    kept = session._connection
    session.put(f"{real.START}00000002", "x")
    assert session._connection is kept
    session.close()
