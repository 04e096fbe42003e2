"""`grpc`: checks a server's health, or calls one of its methods, at a fixed rate.

Health is grpc.health.v1.Health/Check, which the kubelet and load balancers call. Another method is
described by the server itself (reflection) or by a file. Each request uses a new connection unless
`keepalive`, because a kept one stays with one Pod; nothing is tried twice.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resilience.kube.selectors import Selector
from resilience.ledger.drivers import trust
from resilience.ledger.drivers.session import Credential
from resilience.ledger.drivers.trust import Authorities, ClientCertificate
from resilience.model.scenario import Step
from resilience.model.step_reach import Reach
from resilience.model.values import Duration
from resilience.model.verb import Complaint, Family, Phase, Verb, parameter
from resilience.probes.kinds.web import json_place
from resilience.probes.prober.launch import UNDO_TEXT, Via, remove
from resilience.probes.service import placement, server, shared_keys

if TYPE_CHECKING:
    from resilience.probes.prober.once import Asking
    from resilience.verbs.context import ProbeContext, RunningProbe

METHOD = re.compile(r"[A-Za-z_][\w.]*/[A-Za-z_]\w*")

TLS_KEYS = tuple(key for key in trust.KEYS if key != "server_name")
"""Without TLS, `server_name` is the authority of a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grpc:
    """Where to send which call, and which answers are good."""

    service: str = shared_keys.service("checkout")
    host: str = shared_keys.host()
    port: int | str = shared_keys.port("")
    namespace: str = shared_keys.namespace()
    depends_on: Selector | None = shared_keys.depends_on()
    health: str = parameter(
        "Name of the gRPC service whose health to check (default: the whole server).",
        default="", example="shop.Checkout", one_of="question",
    )  # fmt: skip
    call: str = parameter(
        "A unary method to call instead.",
        default="", example="shop.Checkout/Quote", one_of="question",
    )  # fmt: skip
    request: str = parameter("The message to send, as JSON.", default="{}",
                             example='{"sku": "a-1"}')  # fmt: skip
    json: Mapping[str, str] = parameter(
        "Values that the answer must contain, by path in its JSON form.",
        default_factory=dict, example="{price.currency: EUR}",
    )  # fmt: skip
    descriptor: Path | None = parameter(
        "FileDescriptorSet with the method (`protoc -o FILE --include_imports`); without it the "
        "server has to describe it (reflection).",
        default=None,
    )  # fmt: skip
    tls: bool = trust.tls()
    ca: Path | None = trust.ca()
    ca_from: Authorities | None = trust.ca_from()
    server_name: str = parameter(
        "Name expected in the certificate, and sent as authority.", default=""
    )
    client_certificate: ClientCertificate | None = trust.client_certificate()
    password: Credential | None = parameter(
        "Source of a bearer token to send.",
        default=None,
        key="token",
        example="{secret: api, key: token}",
    )
    keepalive: bool = shared_keys.keepalive("requests")
    timeout: Duration = shared_keys.timeout("request")
    via: Via = shared_keys.via()
    agents: int = shared_keys.agents()


def _check(grpc: Grpc) -> Iterator[Complaint]:
    yield from server.complaints(grpc)
    if grpc.call and not METHOD.fullmatch(grpc.call):
        yield Complaint(field="call", message=f"`call` is {grpc.call!r}",
                        expected="a service and a method, such as shop.Checkout/Quote")  # fmt: skip
    for field in ("descriptor", "json"):
        if getattr(grpc, field) and not grpc.call:
            yield Complaint(field=field, message=f"`{field}` goes with `call`")
    for place in grpc.json:
        if json_place.steps(place) is None:
            yield Complaint(field="json", message=f"{place!r} is not a path in a document",
                            expected="keys and indexes, such as `items[0].name`")  # fmt: skip
    if len(grpc.health) > 1000 or not grpc.health.isascii():
        yield Complaint(field="health", message="`health` is not a name of a gRPC service",
                        expected="a name such as shop.Checkout")  # fmt: skip
    yield from trust.complaints(grpc, keys=TLS_KEYS)
    try:
        message = json.loads(grpc.request)
    except ValueError:
        message = None
    if not isinstance(message, dict):
        yield Complaint(field="request", message="`request` is not a JSON object",
                        expected='a message such as {"sku": "a-1"}')  # fmt: skip


def _describe(grpc: Grpc) -> str:
    where = grpc.service or grpc.host
    if grpc.call:
        return f"call {grpc.call} of gRPC server {where}"
    return f"ask gRPC server {where} for " + (
        f"{grpc.health}'s health" if grpc.health else "health"
    )


def _touches(grpc: Grpc, namespace: str) -> Reach:
    """A custom method may change something; the health check does not."""
    inside = placement.reach(grpc, namespace)
    if not grpc.call:
        return inside
    asked = placement.asked(grpc, namespace, grpc.host, grpc.port)
    return asked | placement.named_to({}, namespace, grpc.server_name) | inside


def configuration(grpc: Grpc, context: Any) -> dict[str, Any]:
    """What the prober receives; NotMet if a file, the Service or the token cannot be read."""
    where = server.server(grpc, context, server.token)
    descriptor = server.readable(grpc.descriptor, context.directory, "descriptor")
    return {
        "kind": "grpc", "extra": "grpc", "host": where.host, "port": where.port,
        "password": where.password, "health": grpc.health, "call": grpc.call,
        "request": grpc.request, "json": dict(grpc.json),
        "descriptor": base64.b64encode(descriptor).decode(),
        "trust": server.secured(grpc, context), "authority": _authority(grpc, context),
        "keepalive": grpc.keepalive,
        "timeout": grpc.timeout.seconds,
    }  # fmt: skip


def _authority(grpc: Grpc, context: Any) -> str:
    """What a client calls the server in a request; "" for its address."""
    if grpc.server_name or not grpc.service:
        return grpc.server_name
    namespace = grpc.namespace or context.namespace
    port = context.service_port(grpc.service, grpc.port, namespace)
    return f"{grpc.service}.{namespace}:{port}"


def run(step: Step, context: ProbeContext) -> RunningProbe:
    """Start asking."""
    from resilience.probes.kinds.web.grpc_calls import opened

    grpc: Grpc = step.parameters
    return server.run(step, context, configuration(grpc, context), _describe(grpc), opened)


def ask(grpc: Grpc, context: Asking) -> str:
    """Send one request; NotMet unless the answer is good."""
    from resilience.probes.kinds.web.grpc_calls import opened

    return server.ask(grpc, context, configuration(grpc, context), _describe(grpc), opened)


VERB = Verb(
    name="grpc",
    family=Family.PROBE,
    summary="Check a gRPC server's health, or call a method, at a fixed rate, and judge its "
    "answers.",
    parameters=Grpc,
    phases=frozenset(Phase),
    run=run,
    ask=ask,
    describe=_describe,
    check=lambda grpc: list(_check(grpc)),
    rights=lambda grpc, namespace: server.asker_rights(grpc, namespace, grpc.password),
    touches=_touches,
    helpers=server.helpers,
    undo=remove,
    undo_text=UNDO_TEXT,
    example=(
        "- grpc: {service: checkout, port: 9090}\n"
        "  rate: 20/s\n"
        "  objective: {availability: 99%, longest_outage: 2s}\n"
    ),
)
