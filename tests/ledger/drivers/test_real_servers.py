"""Redis and PostgreSQL from the distribution: killed with SIGKILL in the middle of a ledger.

Redis with `appendfsync everysec` keeps what a kernel that lives on has; what it loses with a
process is what it had not yet written. So the loss is brought about as a power cut would: the file
is cut back to what was last synced. PostgreSQL with synchronous_commit off loses what its WAL
writer had not written when the postmaster's group was killed.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest

from resilience.ledger import reading, values
from resilience.ledger.analysis import Analysis, analyse
from resilience.ledger.drivers.postgres_driver import PostgresStore
from resilience.ledger.drivers.redis_driver import RedisStore
from resilience.ledger.drivers.session import Open, Place, Refused, Unclear, Unusable
from resilience.ledger.history import History
from resilience.ledger.reading import Patience
from resilience.ledger.records import Fate
from resilience.ledger.writers import Writers
from tests.ledger.drivers.pooler import pooling
from tests.ledger.trial import free_port

START = "trial.ledger."
PATIENCE = 30.0
DEBIAN = "/usr/lib/postgresql/*/bin"  # not on the PATH


def program(name: str) -> str:
    """The path of a server's program; the test is left out where the machine cannot have it."""
    beside = sorted(Path("/").glob(f"{DEBIAN[1:]}/{name}"))
    found = shutil.which(name) or next(map(str, beside), "")
    if not found:
        pytest.skip(f"{name} is not installed; `make test` does that on Debian as root")
    return found


def place(port: int, secrets: dict[str, str] | None = None) -> Place:
    return Place(start=START, timeout=2.0, address=lambda: ("127.0.0.1", port),
                 secrets=secrets or {})  # fmt: skip


def waited(port: int) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"nothing listens on {port}")


def acknowledged(history: History, count: int) -> None:
    end = time.monotonic() + PATIENCE
    while history.acknowledged < count and time.monotonic() < end:
        time.sleep(0.01)
    assert history.acknowledged >= count


def ledger(
    directory: Path, open_: Open, strike: Callable[[], None], *, rate: float = 100.0
) -> Analysis:
    history = History(directory / "ledger.jsonl", {})
    writers = Writers(open_, history, START, interval=1 / rate, timeout=2.0, size=64, sampled=0.1,
                      random=Random(1))  # fmt: skip
    writers.start()
    try:
        acknowledged(history, 150)
        strike()
        acknowledged(history, history.acknowledged + 20)
    finally:
        writers.stop(10.0)
    assert writers.trouble == ""
    trouble = reading.final_reads(
        open_, history, Patience(timeout=PATIENCE, settle=1.0), each=False
    )
    assert trouble == ""
    history.close(keep=False)
    return analyse(history.writes, history.reads)


class Redis:
    """A redis-server in a process group of its own."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self.directory, self.port, self.arguments = directory, free_port(), arguments
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [program("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1", "--dir",
             str(self.directory), "--save", "", *self.arguments],
            stdout=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        waited(self.port)

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Callable[..., Redis]]:
    program("redis-server")
    started: list[Redis] = []

    def start(*arguments: str) -> Redis:
        started.append(Redis(tmp_path, *arguments))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.kill()


def test_redis_that_syncs_always_keeps_every_acknowledged_write(
    tmp_path: Path, redis: Callable[..., Redis]
) -> None:
    server = redis("--appendonly", "yes", "--appendfsync", "always")

    def strike() -> None:
        server.kill()
        server.start()

    found = ledger(tmp_path, RedisStore(place=place(server.port)), strike)
    assert found.lost == ()
    assert found.stale == {}
    assert found.acknowledged > 150


def test_redis_everysec_loses_the_last_second_to_a_power_cut_and_is_caught(
    tmp_path: Path, redis: Callable[..., Redis]
) -> None:
    """The append-only file is put back to half a second before: nothing had synced it since."""
    server = redis("--appendonly", "yes", "--appendfsync", "everysec")

    def strike() -> None:
        [log] = (tmp_path / "appendonlydir").glob("*.incr.aof")
        synced = log.stat().st_size
        time.sleep(0.5)
        server.kill()
        os.truncate(log, synced)
        server.start()

    found = ledger(tmp_path, RedisStore(place=place(server.port)), strike)
    assert 10 <= len(found.lost) <= 100, "half a second at 100/s, less under load"
    assert {each.write.by for each in found.lost} <= {each for each in _runs(found)}


def _runs(found: Analysis) -> set[str]:
    return {each.write.by for each in found.lost if each.write.by}


def test_redis_without_a_log_loses_everything_and_is_caught(
    tmp_path: Path, redis: Callable[..., Redis]
) -> None:
    server = redis("--appendonly", "no")

    def strike() -> None:
        server.kill()
        server.start()

    found = ledger(tmp_path, RedisStore(place=place(server.port)), strike)
    assert len(found.lost) >= 140


def test_a_redis_that_asks_for_a_password_says_how_to_give_it(
    redis: Callable[..., Redis],
) -> None:
    server = redis("--requirepass", "s3cret")
    with pytest.raises(Unusable, match=r"refuses the login.*secret: NAME") as told:
        RedisStore(place=place(server.port))().put("k", "v")
    assert "s3cret" not in str(told.value)
    with pytest.raises(Unusable) as told:
        RedisStore(place=place(server.port, {"password": "wr0ng"}))().put("k", "v")
    assert "wr0ng" not in str(told.value)
    session = RedisStore(place=place(server.port, {"password": "s3cret"}))()
    assert session.put("k", "v")
    session.close()


def test_a_login_that_is_refused_after_a_failover_is_a_failed_write(
    tmp_path: Path, redis: Callable[..., Redis]
) -> None:
    """Its clients cannot write either. At the beginning it is a mistake of the scenario."""
    server = redis("--requirepass", "s3cret")
    open_ = RedisStore(place=place(server.port, {"password": "s3cret"}))
    history = History(tmp_path / "ledger.jsonl", {})
    writers = Writers(open_, history, START, interval=0.02, timeout=2.0, size=64, sampled=0.0,
                      random=Random(1))  # fmt: skip
    writers.start()
    try:
        acknowledged(history, 5)
        server.kill()
        server.arguments = ("--requirepass", "other")
        server.start()
        end = time.monotonic() + PATIENCE
        while not any("refuses the login" in each.why for each in history.writes):
            assert time.monotonic() < end
            time.sleep(0.01)
        server.kill()
        server.arguments = ("--requirepass", "s3cret")
        server.start()
        acknowledged(history, history.acknowledged + 5)
    finally:
        writers.stop(10.0)
    assert writers.trouble == ""
    refused = [each for each in history.writes if "refuses the login" in each.why]
    assert {each.fate for each in refused} == {Fate.FAILED}
    history.close(keep=False)


def test_the_runs_keys_are_deleted_and_no_others(redis: Callable[..., Redis]) -> None:
    session = RedisStore(place=place(redis().port))()
    session.put(f"{START}00000001", "x")
    session.put("trial.ledgerx", "theirs")
    session.clear()
    session.clear()
    assert session._connected().get("trial.ledgerx") == b"theirs"
    assert session._connected().dbsize() == 1
    session.close()


class Postgres:
    """A PostgreSQL of its own; not as root, which it refuses, and so not in a folder of pytest's,
    which nobody else may enter."""

    def __init__(self, directory: Path) -> None:
        self.data, self.port = directory / "pg", free_port()
        self._user = pwd.getpwnam("nobody") if os.getuid() == 0 else None
        self.data.mkdir()
        if self._user:
            os.chown(self.data, self._user.pw_uid, self._user.pw_gid)
        subprocess.run([program("initdb"), "-D", str(self.data), "-U", "postgres", "-A", "trust",
                        "-N"], check=True, stdout=subprocess.DEVNULL, **self._as())  # fmt: skip
        self.start()

    def _as(self) -> dict[str, Any]:
        if self._user is None:
            return {}
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}

    def start(self) -> None:
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [program("postgres"), "-D", str(self.data), "-p", str(self.port), "-k", "", "-c",
             "listen_addresses=127.0.0.1", "-c", "wal_writer_delay=10s", "-c",
             "wal_writer_flush_after=0", "-c", "autovacuum=off"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            **self._as(),
        )  # fmt: skip
        waited(self.port)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:  # it listens before it has recovered
            try:
                psycopg.connect(host="127.0.0.1", port=self.port, user="postgres").close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError("PostgreSQL did not start")

    def kill(self) -> None:
        """The postmaster and every backend: each has a group of its own, so by their parent, which
        starts no more of them."""
        os.kill(self.process.pid, signal.SIGSTOP)
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        os.kill(self.process.pid, signal.SIGKILL)
        for child in children.split():
            try:
                os.kill(int(child), signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait(PATIENCE)


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    with tempfile.TemporaryDirectory(prefix="ledger-") as folder:
        Path(folder).chmod(0o711)
        server = Postgres(Path(folder))
        yield server
        if server.process.poll() is None:
            server.kill()


def killed(server: Postgres) -> Callable[[], None]:
    def strike() -> None:
        server.kill()
        time.sleep(0.5)  # the kernel lets go of the killed ones' shared memory
        server.start()

    return strike


UNWRITTEN = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), pg_current_wal_lsn())"


def killed_behind(server: Postgres, unwritten: int) -> Callable[[], None]:
    """Killed when at least so many bytes of WAL are in memory alone: its writer is stopped first,
    which otherwise writes each page as it is full."""

    def strike() -> None:
        end = time.monotonic() + PATIENCE
        with psycopg.connect(host="127.0.0.1", port=server.port, user="postgres") as asked:
            found = asked.execute(
                "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'"
            ).fetchone()
            assert found
            os.kill(found[0], signal.SIGSTOP)
            while (behind := asked.execute(UNWRITTEN).fetchone()) and behind[0] < unwritten:
                assert time.monotonic() < end, f"only {behind[0]} bytes of WAL are not written"
                time.sleep(0.01)
        killed(server)()

    return strike


def test_postgres_with_synchronous_commit_keeps_every_acknowledged_write(
    tmp_path: Path, postgres: Postgres
) -> None:
    store = PostgresStore(place=place(postgres.port))
    found = ledger(tmp_path, store, killed(postgres))
    assert found.lost == ()
    assert found.duplicated == {}
    assert found.acknowledged > 150


def test_postgres_without_synchronous_commit_loses_to_a_kill_and_is_caught(
    tmp_path: Path, postgres: Postgres
) -> None:
    store = PostgresStore(place=place(postgres.port), settings={"synchronous_commit": "off"})
    found = ledger(tmp_path, store, killed_behind(postgres, 3 * 8192))
    assert found.lost
    assert found.corrupt == ()


def test_the_runs_table_is_dropped_and_the_login_is_checked(postgres: Postgres) -> None:
    store = PostgresStore(place=place(postgres.port))
    session = store()
    session.put(f"{START}00000001", "x")
    session.clear()
    session.clear()
    rows = session._rows("SELECT count(*) FROM pg_tables WHERE tablename LIKE 'resilience%%'", None)
    assert rows == [(0,)]
    session.close()
    with pytest.raises(Unusable, match="refuses the login"):
        PostgresStore(place=place(postgres.port), database="no_such")().put("k", "v")


def plain_database(server: Postgres) -> str:
    """One whose texts have no encoding, as `initdb --locale=C` makes them."""
    with psycopg.connect(
        host="127.0.0.1", port=server.port, user="postgres", autocommit=True
    ) as made:
        made.execute("CREATE DATABASE plain ENCODING 'SQL_ASCII' TEMPLATE template0 LOCALE 'C'")
    return "plain"


def test_a_database_without_an_encoding_is_read_as_text(postgres: Postgres) -> None:
    session = PostgresStore(place=place(postgres.port), database=plain_database(postgres))()
    key = f"{START}00000001"
    session.put(key, values.value(key, 1.0, 64))
    assert session.get(key).values == {key: 1}
    assert session.every().values == {key: 1}
    session.close()


CANCEL = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


def test_a_write_that_no_standby_confirmed_is_not_acknowledged(postgres: Postgres) -> None:
    """PostgreSQL answers with success and a warning once its wait is cancelled. Its checkpointer
    announces the new setting to all sessions; writes before that are not held."""
    session = PostgresStore(place=place(postgres.port))()
    session.put(f"{START}00000001", "x")
    with (
        psycopg.connect(
            host="127.0.0.1", port=postgres.port, user="postgres", autocommit=True
        ) as admin,
        ThreadPoolExecutor(1) as threads,
    ):
        admin.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        admin.execute("SELECT pg_reload_conf()")
        end = time.monotonic() + PATIENCE
        number, error = 1, None
        while error is None:
            number += 1
            written = threads.submit(session.put, f"{START}{number:08}", "x")
            while not written.done():
                assert time.monotonic() < end
                admin.execute(CANCEL)
            error = written.exception()
    assert isinstance(error, Unclear)
    assert "synchronous replication" in str(error)
    assert len(session.every().values) + len(session.every().corrupt) == number
    session.close()


def test_a_ledger_needs_no_parameter_that_a_pooler_refuses(postgres: Postgres) -> None:
    with pooling(postgres.port) as port:
        session = PostgresStore(place=place(port))()
        for number in range(12):  # the driver would prepare a statement from the sixth on
            session.put(f"{START}{number:08}", "x")
        prepared = session._rows("SELECT count(*) FROM pg_prepared_statements", ())
        assert prepared == [(0,)]
        session.clear()
        session.close()
        own = PostgresStore(place=place(port), settings={"synchronous_commit": "off"})()
        with pytest.raises(Refused, match="unsupported startup parameter"):
            own.put(f"{START}00000001", "x")
