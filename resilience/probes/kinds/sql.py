"""`sql`: sends a query to a PostgreSQL at a fixed rate, in a read-only transaction."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resilience.kube.selectors import Selector
from resilience.ledger.drivers import trust
from resilience.ledger.drivers.postgres_connection import Options, connected
from resilience.ledger.drivers.session import Credential
from resilience.ledger.drivers.trust import Authorities, ClientCertificate, Trust
from resilience.model.masks import excerpt
from resilience.model.samples import Answer
from resilience.model.scenario import Step
from resilience.model.step_reach import Reach
from resilience.model.values import Duration
from resilience.model.verb import Complaint, Family, Phase, Verb, parameter
from resilience.probes.prober.asker import Ask, Reply, Tell
from resilience.probes.prober.launch import UNDO_TEXT, Via, remove
from resilience.probes.service import placement, server, shared_keys

if TYPE_CHECKING:
    from resilience.probes.prober.once import Asking
    from resilience.verbs.context import ProbeContext, RunningProbe


ALIVE = "SELECT 1"
"""A query that certainly changes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sql:
    """Where to send which query, and what to expect."""

    service: str = shared_keys.service("db")
    host: str = shared_keys.host()
    port: int | str = shared_keys.port(5432)
    namespace: str = shared_keys.namespace()
    depends_on: Selector | None = shared_keys.depends_on()
    database: str = parameter("Name of the database.", default="postgres")
    user: str = parameter("Role to log in as.", default="postgres")
    password: Credential | None = shared_keys.password()
    query: str = parameter(
        "One query; it runs in a read-only transaction.", default=ALIVE,
        example="SELECT count(*) > 0 FROM orders",
    )  # fmt: skip
    expect: str = parameter(
        "Text that the first column of the first row must be.", default="", example="true"
    )
    tls: bool = trust.tls()
    ca: Path | None = trust.ca()
    ca_from: Authorities | None = trust.ca_from()
    server_name: str = trust.server_name()
    client_certificate: ClientCertificate | None = trust.client_certificate()
    timeout: Duration = shared_keys.timeout("query")
    via: Via = shared_keys.via()
    agents: int = shared_keys.agents()


def _check(sql: Sql) -> Iterator[Complaint]:
    yield from server.complaints(sql)
    yield from trust.complaints(sql)
    if not sql.query.strip():
        yield Complaint(field="query", message="`query` is empty", expected="a query")


def _describe(sql: Sql) -> str:
    return f"query {sql.database} on {sql.service or sql.host}"


def configuration(sql: Sql, context: Any) -> dict[str, Any]:
    """What the prober receives."""
    where = server.server(sql, context)
    return {
        "kind": "sql", "extra": "postgres", "host": where.host, "port": where.port,
        "database": sql.database, "user": sql.user, "password": where.password,
        "query": sql.query, "expect": sql.expect, "timeout": sql.timeout.seconds,
        "trust": server.secured(sql, context),
    }  # fmt: skip


def opened(given: Mapping[str, Any], _tell: Tell) -> Ask:
    """Each request uses a new connection, because a kept one stays with one Pod."""
    psycopg = server.library("psycopg", "postgres")
    expected = given["expect"]
    milliseconds = max(1, round(given["timeout"] * 1000))
    limits = {"statement_timeout": f"{milliseconds}", "default_transaction_read_only": "on"}
    options = Options({}, wished=limits)  # they hold beyond the transaction as well
    where = {
        "host": given["host"], "port": given["port"], "dbname": given["database"],
        "user": given["user"], "password": given["password"], "autocommit": False,
        "tcp_user_timeout": milliseconds, "application_name": "resilience-probe",
    }  # fmt: skip

    trusted = Trust(**given["trust"]) if given["trust"] else None

    def ask() -> Reply:
        try:
            with connected(psycopg, options, given["timeout"], trusted, **where) as connection:
                connection.read_only = True
                cursor = connection.execute(
                    f"SET LOCAL statement_timeout = {milliseconds};\n{given['query']}"
                )
                cursor.nextset()
                row = cursor.fetchone()
        except socket.gaierror as error:
            return Reply(Answer.NAME, str(error))
        except psycopg.Error as error:
            asked = "no password supplied" in str(error)
            reply = _failed(error)
            return replace(reply, text=f"{reply.text}; {server.NO_PASSWORD}") if asked else reply
        text = "" if row is None else _text(row[0])
        if expected and text != expected:
            return Reply(Answer.WRONG, f"answered {excerpt(text, 80)!r}")
        return Reply(Answer.GOOD)

    return ask


def _failed(error: Any) -> Reply:
    text = str(error).strip().partition("\n")[0]
    if error.sqlstate:
        timed_out = error.sqlstate == "57014"
        return Reply(Answer.TIMEOUT if timed_out else Answer.WRONG, text)
    for word, answer in (("ssl", Answer.TLS), ("certificate", Answer.TLS),
                         ("refused", Answer.REFUSED), ("timeout", Answer.TIMEOUT),
                         ("resolve", Answer.NAME)):  # fmt: skip
        if word in text.lower():
            return Reply(answer, text)
    return Reply(Answer.WRONG if "FATAL" in text else Answer.RESET, text)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _touches(sql: Sql, namespace: str) -> Reach:
    """A query may call a function that changes something, and may end its read-only transaction."""
    reads = sql.query == ALIVE
    written = Reach() if reads else placement.asked(sql, namespace, sql.host, sql.port)
    return written | placement.reach(sql, namespace)


def run(step: Step, context: ProbeContext) -> RunningProbe:
    """Start asking."""
    sql: Sql = step.parameters
    return server.run(step, context, configuration(sql, context), _describe(sql), opened)


def ask(sql: Sql, context: Asking) -> str:
    """Send one query; NotMet unless the answer is good."""
    return server.ask(sql, context, configuration(sql, context), _describe(sql), opened)


VERB = Verb(
    name="sql",
    family=Family.PROBE,
    summary="Send a query to a PostgreSQL at a fixed rate, and judge its answers.",
    parameters=Sql,
    phases=frozenset(Phase),
    run=run,
    ask=ask,
    describe=_describe,
    check=lambda sql: list(_check(sql)),
    rights=lambda sql, namespace: server.asker_rights(sql, namespace, sql.password),
    touches=_touches,
    helpers=server.helpers,
    undo=remove,
    undo_text=UNDO_TEXT,
    example=(
        "- sql: {service: db, user: app, password: {env: PGPASSWORD}}\n"
        "  rate: 10/s\n"
        "  objective: {longest_outage: 5s}\n"
    ),
)
