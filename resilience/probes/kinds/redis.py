"""`redis`: sends a command to a Redis at a fixed rate, and expects an answer.

Each question is a new connection unless `keepalive`, because a kept one stays with one Pod.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resilience.ledger.drivers.session import Credential
from resilience.model.masks import excerpt
from resilience.model.samples import Answer
from resilience.model.scenario import Step
from resilience.model.step_reach import Reach
from resilience.model.values import Duration
from resilience.model.verb import Complaint, Family, Phase, Right, Verb, parameter
from resilience.probes.prober.asker import Ask, Reply, asking
from resilience.probes.prober.server import (
    Server,
    complaints,
    library,
    rights,
    server,
)

if TYPE_CHECKING:
    from resilience.probes.prober.once import Asking
    from resilience.verbs.context import ProbeContext, RunningProbe

READS = (
    *("PING", "ECHO", "TIME", "INFO", "DBSIZE", "LASTSAVE", "ROLE"),
    *("GET", "MGET", "EXISTS", "STRLEN", "TTL", "TYPE", "GETRANGE"),
    *("HGET", "HLEN", "LLEN", "LINDEX", "SCARD", "SISMEMBER", "XLEN", "ZCARD", "ZSCORE"),
)
"""What a probe sends: whatever else might change what it measures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redis:
    """Where, what to send, what to expect."""

    service: str = parameter("Service to ask.", default="", example="cache", one_of="place")
    host: str = parameter("Host outside the cluster.", default="", one_of="place")
    port: int | str = parameter("Port, by name or number.", default=6379)
    namespace: str = parameter("Namespace of the Service, if not the scenario's.", default="")
    username: str = parameter("Name to log in with.", default="")
    password: Credential | None = parameter("Where the password is.", default=None)
    command: tuple[str, ...] = parameter(
        "The command and its arguments; it must not write.", default=("PING",), example="[GET, x]"
    )
    expect: str = parameter("Text that the answer must be.", default="", example="PONG")
    keepalive: bool = parameter("Keep connections open between questions.", default=False)
    timeout: Duration = parameter(
        "A command without an answer after this time has failed.",
        default=Duration.of(1), example="1s",
    )  # fmt: skip


def _check(redis: Redis) -> Iterator[Complaint]:
    yield from complaints(redis)
    if not redis.command or redis.command[0].upper() not in READS:
        yield Complaint(
            field="command",
            message="a probe does not write",
            expected=f"one of {', '.join(READS)}; a `ledger` writes",
        )


def _describe(redis: Redis) -> str:
    return f"{' '.join(redis.command)} to Redis {redis.service or redis.host}"


def opened(redis: Redis, where: Server) -> Ask:
    """A connection's questions."""
    module = library("redis", "redis")
    errors = module.exceptions
    kept: list[Any] = []

    def connected() -> Any:
        if kept:
            return kept.pop()
        host, port = where.address()
        return module.Redis(
            host=host, port=port, username=redis.username or None, password=where.password,
            socket_timeout=redis.timeout.seconds, socket_connect_timeout=redis.timeout.seconds,
            retry=None, max_connections=1, decode_responses=True,
        )  # fmt: skip

    def ask() -> Reply:
        client = connected()
        try:
            said = client.execute_command(*redis.command)
        except errors.AuthenticationError as error:
            reply = Reply(Answer.WRONG, f"the login is refused: {error}")
        except errors.TimeoutError as error:
            reply = Reply(Answer.TIMEOUT, str(error))
        except errors.ConnectionError as error:
            refused = "refused" in str(error).lower()
            reply = Reply(Answer.REFUSED if refused else Answer.RESET, str(error))
        except (errors.RedisError, OSError, ValueError) as error:
            reply = Reply(Answer.WRONG, str(error))
        else:
            text = "PONG" if said is True else str(said)
            right = not redis.expect or text == redis.expect
            reply = (
                Reply(Answer.GOOD)
                if right
                else Reply(Answer.WRONG, f"answered {excerpt(text, 80)!r}")
            )
        if redis.keepalive and reply.answer is Answer.GOOD:
            kept.append(client)
        else:
            client.close()
        return reply

    return ask


def _rights(redis: Redis, namespace: str) -> Sequence[Right]:
    return rights(redis, namespace, redis.password)


def run(step: Step, context: ProbeContext) -> RunningProbe:
    """Start asking."""
    from resilience.probes.prober.running import AgentProbe

    redis: Redis = step.parameters
    where = server(redis, context)
    return AgentProbe(step, context, {"timeout": redis.timeout.seconds}, _describe(redis),
                      {"kind": "redis", "keepalive": redis.keepalive},
                      asking(lambda: opened(redis, where)))  # fmt: skip


def ask(redis: Redis, context: Asking) -> str:
    """Send one command; NotMet unless the answer is good."""
    from resilience.probes.prober.once import ask_once

    where = server(redis, context)
    given = {"timeout": redis.timeout.seconds}
    return ask_once(given, _describe(redis), asking(lambda: opened(redis, where)))


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
    rights=_rights,
    touches=lambda redis, namespace: Reach(),
    example=(
        "- redis: {service: cache, command: [PING], expect: PONG}\n"
        "  rate: 20/s\n"
        "  objective: {longest_outage: 2s}\n"
    ),
)
