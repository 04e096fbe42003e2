"""`redis`: sends a command to a Redis at a fixed rate, and expects an answer.

Each request uses a new connection unless `keepalive`, because a kept one stays with one Pod.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resilience.kube.selectors import Selector
from resilience.ledger.drivers import redis_connection, trust
from resilience.ledger.drivers.redis_errors import is_answer, told
from resilience.ledger.drivers.session import Credential, Unusable
from resilience.ledger.drivers.trust import Authorities, ClientCertificate, Trust
from resilience.model.masks import excerpt
from resilience.model.samples import Answer
from resilience.model.scenario import Step
from resilience.model.values import Duration
from resilience.model.verb import Complaint, Family, Phase, Verb, parameter
from resilience.probes.prober.asker import Ask, Never, Reply, Tell
from resilience.probes.prober.launch import UNDO_TEXT, Via, remove
from resilience.probes.service import placement, server, shared_keys

if TYPE_CHECKING:
    from resilience.probes.prober.once import Asking
    from resilience.verbs.context import ProbeContext, RunningProbe

READS = (
    *("PING", "ECHO", "TIME", "INFO", "DBSIZE", "LASTSAVE", "ROLE"),
    *("GET", "MGET", "EXISTS", "STRLEN", "TTL", "TYPE", "GETRANGE"),
    *("HGET", "HLEN", "LLEN", "LINDEX", "SCARD", "SISMEMBER", "XLEN", "ZCARD", "ZSCORE"),
)
"""Commands that a probe may send: others might change the data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redis:
    """Where to send which command, and what to expect."""

    service: str = shared_keys.service("cache")
    host: str = shared_keys.host()
    port: int | str = shared_keys.port(6379)
    namespace: str = shared_keys.namespace()
    depends_on: Selector | None = shared_keys.depends_on()
    username: str = parameter("Name to log in with.", default="")
    password: Credential | None = shared_keys.password()
    command: tuple[str, ...] = parameter(
        "The command and its arguments; it must not write.", default=("PING",), example="[GET, x]"
    )
    expect: str = parameter("Text that the answer must be.", default="", example="PONG")
    tls: bool = trust.tls()
    ca: Path | None = trust.ca()
    ca_from: Authorities | None = trust.ca_from()
    server_name: str = trust.server_name()
    client_certificate: ClientCertificate | None = trust.client_certificate()
    keepalive: bool = shared_keys.keepalive("requests")
    timeout: Duration = shared_keys.timeout("command")
    via: Via = shared_keys.via()
    agents: int = shared_keys.agents()


def _check(redis: Redis) -> Iterator[Complaint]:
    yield from server.complaints(redis)
    yield from trust.complaints(redis)
    if not redis.command or redis.command[0].upper() not in READS:
        yield Complaint(
            field="command",
            message="a probe does not write",
            expected=f"one of {', '.join(READS)}; a `ledger` writes",
        )


def _describe(redis: Redis) -> str:
    return f"{' '.join(redis.command)} to Redis {redis.service or redis.host}"


def configuration(redis: Redis, context: Any) -> dict[str, Any]:
    """What the prober receives."""
    where = server.server(redis, context)
    return {
        "kind": "redis", "extra": "redis", "host": where.host, "port": where.port,
        "username": redis.username, "password": where.password, "command": list(redis.command),
        "expect": redis.expect, "keepalive": redis.keepalive, "timeout": redis.timeout.seconds,
        "trust": server.secured(redis, context),
    }  # fmt: skip


def opened(given: Mapping[str, Any], _tell: Tell) -> Ask:
    """A connection's questions."""
    module = server.library("redis", "redis")
    kept: list[Any] = []
    try:
        context = Trust(**given["trust"]).context() if given["trust"] else None
    except Unusable as error:
        raise Never(str(error)) from error
    name = given["trust"]["name"] if given["trust"] else ""

    def connected() -> Any:
        if kept:
            return kept.pop()
        client = redis_connection.client(
            module, (given["host"], given["port"]), given["timeout"], context, name,
            username=given["username"], password=given["password"], decode_responses=True,
        )  # fmt: skip
        client.response_callbacks.clear()  # the answer itself, not what the library makes of it
        return client

    def ask() -> Reply:
        client = connected()
        reply = _answered(client, given, module.exceptions)
        if given["keepalive"] and reply.answer is Answer.GOOD:
            kept.append(client)
        else:
            client.close()
        return reply

    return ask


def _answered(client: Any, given: Mapping[str, Any], errors: Any) -> Reply:
    try:
        said = client.execute_command(*given["command"])
    except errors.AuthenticationError as error:
        hint = "" if given["password"] else f"; {server.NO_PASSWORD}"
        return Reply(Answer.WRONG, f"the login is refused: {error}{hint}")
    except errors.TimeoutError as error:
        return Reply(Answer.TIMEOUT, str(error))
    except errors.ConnectionError as error:
        if is_answer(error):
            return Reply(Answer.WRONG, told(error))
        if why := trust.failure(error):
            return Reply(Answer.TLS, why)
        if "refused" in str(error).lower():
            return Reply(Answer.REFUSED, str(error))
        return Reply(Answer.RESET, str(error) + trust.unshown(given["trust"]))
    except (errors.RedisError, OSError, ValueError) as error:
        return Reply(Answer.WRONG, told(error))
    text = str(said)
    if given["expect"] and text != given["expect"]:
        return Reply(Answer.WRONG, f"answered {excerpt(text, 80)!r}")
    return Reply(Answer.GOOD)


def run(step: Step, context: ProbeContext) -> RunningProbe:
    """Start asking."""
    redis: Redis = step.parameters
    return server.run(step, context, configuration(redis, context), _describe(redis), opened)


def ask(redis: Redis, context: Asking) -> str:
    """Send one command; NotMet unless the answer is good."""
    return server.ask(redis, context, configuration(redis, context), _describe(redis), opened)


VERB = Verb(
    name="redis",
    family=Family.PROBE,
    summary="Send a command to a Redis at a fixed rate, and judge its answers.",
    parameters=Redis,
    phases=frozenset(Phase),
    run=run,
    ask=ask,
    describe=_describe,
    check=lambda redis: list(_check(redis)),
    rights=lambda redis, namespace: server.asker_rights(redis, namespace, redis.password),
    touches=placement.reach,
    helpers=server.helpers,
    undo=remove,
    undo_text=UNDO_TEXT,
    example=(
        "- redis: {service: cache, command: [PING], expect: PONG}\n"
        "  rate: 20/s\n"
        "  objective: {longest_outage: 2s}\n"
    ),
)
