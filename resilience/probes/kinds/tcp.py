"""`tcp`: connects to a Service or an address repeatedly; sends text, expects an answer.

For services without HTTP: a database, a broker, a mail server. The same agent, schedule and
measures as `http`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resilience.kube.selectors import Selector
from resilience.model.scenario import Step
from resilience.model.step_reach import Reach
from resilience.model.values import Duration
from resilience.model.verb import Complaint, Family, Phase, Verb, parameter
from resilience.probes.prober.launch import UNDO_TEXT, Via, remove
from resilience.probes.service import placement, service_probe, shared_keys

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
    namespace: str = shared_keys.namespace()
    depends_on: Selector | None = shared_keys.depends_on()
    send: str = parameter("Text to send once connected.", default="", example="PING\r\n")
    expect: str = parameter("Text that the answer must contain.", default="", example="PONG")
    timeout: Duration = shared_keys.timeout("connection")
    via: Via = shared_keys.via()
    agents: int = shared_keys.agents()


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
    yield from service_probe.complaints(tcp)


def _describe(tcp: Tcp) -> str:
    return f"connect to {tcp.service or tcp.host}" + (f":{tcp.port}" if tcp.port else "")


def _touches(tcp: Tcp, namespace: str) -> Reach:
    """The sent text may be any command, so the probe counts as writing."""
    written = placement.asked(tcp, namespace, tcp.host, tcp.port) if tcp.send else Reach()
    return written | service_probe.reach(tcp, namespace)


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


def run(step: Step, context: ProbeContext) -> RunningProbe:
    """Start connecting."""
    tcp: Tcp = step.parameters
    given, address = _asked(tcp, context)
    return service_probe.run(step, context, given, _describe(tcp), {"address": address})


def ask(tcp: Tcp, context: Asking) -> str:
    """Connect once; raise NotMet unless the answer is good."""
    given, _ = _asked(tcp, context)
    return service_probe.ask(tcp, context, given, _describe(tcp))


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
    rights=service_probe.rights,
    touches=_touches,
    helpers=service_probe.helpers,
    undo=remove,
    undo_text=UNDO_TEXT,
    example=(
        '- tcp: {service: cache, port: 6379, send: "PING\\r\\n", expect: PONG}\n'
        "  rate: 20/s\n"
        "  objective: {longest_outage: 2s}\n"
    ),
)
