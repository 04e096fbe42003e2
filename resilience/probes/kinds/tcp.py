"""`tcp`: connects to a Service or an address repeatedly; sends text, expects an answer.

For services without HTTP: a database, a broker, a mail server. The same agent, schedule and
measures as `http`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resilience.kube.selectors import Selector
from resilience.kube.service_names import namespace_in
from resilience.model.scenario import Step
from resilience.model.step_reach import Reach, within
from resilience.model.values import Duration
from resilience.model.verb import Complaint, Family, Phase, Right, Verb, parameter
from resilience.probes.complaints import of_timeout
from resilience.probes.prober.backing import doubt
from resilience.probes.prober.launch import (
    AGENTS_DOC,
    MOST_AGENTS,
    UNDO_TEXT,
    VIA_DOC,
    Launch,
    Via,
    incluster_helpers,
    incluster_reach,
    incluster_rights,
    launcher,
    of_agents,
    placed,
    remove,
)

if TYPE_CHECKING:
    from resilience.probes.prober.once import Asking
    from resilience.verbs.context import ProbeContext, RunningProbe


@dataclass(frozen=True, slots=True, kw_only=True)
class Tcp:
    """Where to connect, what to send, and what to expect."""

    service: str = parameter("Service to connect to.", default="", example="db", one_of="target")
    host: str = parameter(
        "The host to connect to, outside the cluster.",
        default="", example="db.example.com", one_of="target",
    )  # fmt: skip
    port: int | str = parameter(
        "Port, by name or number; required if the Service has several.", default="", example="5432"
    )
    namespace: str = parameter("Namespace of the Service, if not the scenario's.", default="")
    depends_on: Selector | None = parameter(
        "Other Pods that the Service depends on: harm to them counts as harm to it.",
        default=None,
        example="app=database",
    )
    send: str = parameter("Text to send once connected.", default="", example="PING\r\n")
    expect: str = parameter("Text that the answer must contain.", default="", example="PONG")
    timeout: Duration = parameter(
        "A connection without an answer after this time has failed.",
        default=Duration.of(1),
        example="1s",
    )
    via: Via = parameter(VIA_DOC, default="auto")
    agents: int = parameter(AGENTS_DOC, default=1, at_least=1, at_most=MOST_AGENTS)


def _check(tcp: Tcp) -> Iterator[Complaint]:
    if not tcp.service and not tcp.host:
        yield Complaint(
            field="",
            message="neither `service` nor `host` is given",
            expected="`service` or `host`",
        )
    if tcp.host and not (isinstance(tcp.port, int) and 0 < tcp.port < 65536):
        yield Complaint(
            field="port", message="a `host` needs the number of a port", expected="1 to 65535"
        )
    yield from of_timeout(tcp.timeout)
    yield from of_agents(tcp.via, tcp.agents)


def _describe(tcp: Tcp) -> str:
    return f"connect to {tcp.service or tcp.host}" + (f":{tcp.port}" if tcp.port else "")


def _rights(tcp: Tcp, namespace: str) -> Sequence[Right]:
    where = tcp.namespace or namespace
    via, inside = placed(tcp.via, tcp.agents), incluster_rights(where, tcp.agents)
    if tcp.host:
        return inside if via == "pod" else ()
    service = Right(verb="get", group="", resource="services", namespace=where)
    return (service, *(() if via == "direct" else inside))


def _helpers(tcp: Tcp, namespace: str, cluster: Any) -> Sequence[Any]:
    where = tcp.namespace or namespace
    via = placed(tcp.via, tcp.agents)
    return incluster_helpers(via, where, cluster, service=bool(tcp.service))


def _touches(tcp: Tcp, namespace: str) -> Reach:
    """The sent text may be any command, so the probe counts as writing."""
    where = tcp.namespace or namespace
    written = within(where if tcp.service else namespace_in(tcp.host)) if tcp.send else Reach()
    via = placed(tcp.via, tcp.agents)
    beside = tcp.host and via != "pod"
    return written if beside else written | incluster_reach(via, where)


def _asked(tcp: Tcp, context: Asking) -> tuple[dict[str, Any], str]:
    """The agent's configuration, and the address for people."""
    if tcp.service:
        namespace = tcp.namespace or context.namespace
        host, port = context.address(tcp.service, tcp.port, namespace)
    else:
        host, port = tcp.host, int(tcp.port)
    given = {
        "kind": "tcp",
        "host": host,
        "port": port,
        "timeout": tcp.timeout.seconds,
        "send": tcp.send,
        "expect": tcp.expect,
    }
    return given, f"{host}:{port}"


def _launch(tcp: Tcp, context: Asking) -> Launch:
    namespace = tcp.namespace or context.namespace
    return launcher(context, tcp.via, namespace, service=bool(tcp.service))


def run(step: Step, context: ProbeContext) -> RunningProbe:
    """Start connecting."""
    from resilience.probes.fleet.fleet_probe import FleetProbe
    from resilience.probes.prober.running import AgentProbe

    given, address = _asked(step.parameters, context)
    facts = {"kind": "tcp", "address": address, "via": step.parameters.via}
    launch = _launch(step.parameters, context)
    behind = doubt(context, step.parameters.service, step.parameters.namespace)
    if step.parameters.agents > 1:
        return FleetProbe(step, context, given, _describe(step.parameters), facts, behind)
    return AgentProbe(step, context, given, _describe(step.parameters), facts, launch, behind)


def ask(tcp: Tcp, context: Asking) -> str:
    """Connect once; raise NotMet unless the answer is good."""
    from resilience.probes.prober.once import ask_once

    given, _ = _asked(tcp, context)
    behind = doubt(context, tcp.service, tcp.namespace)
    return ask_once(given, _describe(tcp), _launch(tcp, context), behind)


VERB = Verb(
    name="tcp",
    family=Family.PROBE,
    summary="Connect to a Service or a host at a fixed rate, and judge availability and outages.",
    parameters=Tcp,
    phases=frozenset(Phase),
    run=run,
    ask=ask,
    describe=_describe,
    check=lambda tcp: list(_check(tcp)),
    rights=_rights,
    touches=_touches,
    helpers=_helpers,
    undo=remove,
    undo_text=UNDO_TEXT,
    example=(
        '- tcp: {service: cache, port: 6379, send: "PING\\r\\n", expect: PONG}\n'
        "  rate: 20/s\n"
        "  objective: {longest_outage: 2s}\n"
    ),
)
