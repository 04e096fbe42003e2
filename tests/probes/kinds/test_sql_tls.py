"""`sql` and a ledger in PostgreSQL over TLS, against a real server."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from resilience.ledger.drivers.postgres_driver import PostgresStore
from resilience.ledger.drivers.session import Refused
from resilience.ledger.drivers.trust import Authorities, ClientCertificate
from resilience.ledger.opening import opening
from resilience.ledger.targets import PostgresTarget, from_json, to_json
from resilience.model.values import Duration
from resilience.probes.kinds.sql import VERB, Sql, ask
from resilience.verbs.context import NotMet
from tests.ledger.drivers import test_real_servers as real
from tests.probes.kinds.web.test_http_trust import Secrets, pair
from tests.probes.probing import Context

plain = pytest.fixture(real.postgres.__wrapped__)  # type: ignore[attr-defined]
MINE = ClientCertificate(secret="mine")
ACCESS = "hostssl all all all trust clientcert=verify-ca\nhostnossl all all all trust\n"


@pytest.fixture(name="server")
def secured_server(plain: real.Postgres) -> real.Postgres:
    """It speaks TLS as `checkout.shop`, and wants a certificate of its clients."""
    certificate, key = pair(10)
    owner = plain.data.stat()
    for name, text in (("server.crt", certificate), ("server.key", key), ("root.crt", certificate)):
        made = plain.data / name
        made.write_bytes(text)
        made.chmod(0o600)
        os.chown(made, owner.st_uid, owner.st_gid)
    (plain.data / "pg_hba.conf").write_text(ACCESS)
    with psycopg.connect(
        host="127.0.0.1", port=plain.port, user="postgres", autocommit=True
    ) as admin:
        admin.execute("ALTER SYSTEM SET ssl_ca_file = 'root.crt'")
        admin.execute("ALTER SYSTEM SET ssl = on")
        admin.execute("SELECT pg_reload_conf()")
        while admin.execute("SHOW ssl").fetchone() != ("on",):
            pass
    return plain


def cluster_of(server: real.Postgres) -> Secrets:
    certificate = (server.data / "server.crt").read_bytes()
    key = (server.data / "server.key").read_bytes()
    cluster = Secrets(mine={"tls.crt": certificate, "tls.key": key})
    cluster.maps["root"] = {"ca.crt": certificate.decode()}
    return cluster


def asked(server: real.Postgres, **given: Any) -> str:
    usual: dict[str, Any] = {"service": "checkout", "tls": True, "client_certificate": MINE,
                             "ca_from": Authorities(configmap="root")}  # fmt: skip
    query = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    wanted = Sql(**{**usual, "timeout": Duration.of(5), **given}, expect="true", query=query)
    assert list(VERB.check(wanted)) == []
    context: Any = Context(server.port, cluster_of(server))
    try:
        return ask(wanted, context)
    except NotMet as error:
        return str(error)


def test_a_database_is_reached_by_its_address_and_verified_by_its_name(
    server: real.Postgres,
) -> None:
    assert "answered after" in asked(server)
    assert "TLS failed" in asked(server, server_name="other.shop")
    assert "TLS failed" in asked(server, ca_from=None)
    assert "TLS failed" in asked(server, client_certificate=None)
    outside: dict[str, Any] = {"service": "", "host": "localhost", "port": server.port,
                               "server_name": "checkout.shop"}  # fmt: skip
    assert "answered after" in asked(server, **outside)
    assert "name" in asked(server, **{**outside, "host": "no.such.host.invalid"})


def test_a_ledger_writes_over_tls(server: real.Postgres) -> None:
    target = PostgresTarget(service="checkout", tls=True, client_certificate=MINE,
                            ca_from=Authorities(configmap="root"))  # fmt: skip
    assert from_json(to_json(target)) == target
    around: Any = SimpleNamespace(cluster=cluster_of(server))

    def opened(named: PostgresTarget) -> Any:
        made = opening(named, around, lambda *_: ("127.0.0.1", server.port), namespace="shop",
                       start="s.", timeout=5.0, directory=Path())  # fmt: skip
        assert isinstance(made, PostgresStore)
        return made()

    session = opened(target)
    session.put("s.00000001", "x")
    assert session._connection.pgconn.ssl_in_use
    session.clear()
    session.close()
    other = PostgresTarget(service="checkout", tls=True, server_name="other",
                           ca_from=Authorities(configmap="root"))  # fmt: skip
    with pytest.raises(Refused, match="certificate"):
        opened(other).put("s.00000001", "x")
