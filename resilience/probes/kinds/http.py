"""`http`: sends requests to a Service or a URL at a fixed rate, and judges the answers.

Requests are sent on schedule whether or not earlier ones were answered. Each uses a new connection
unless `keepalive` is set, since a kept connection stays with one Pod and hides the others.
Redirects are not followed, certificates are always verified. Nothing is tried twice, but for what
every client repeats: a request that met the end of a kept connection, sent once on a new one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import SplitResult, urlsplit

from resilience.cluster.reach import authority
from resilience.kube.selectors import Selector
from resilience.ledger.drivers import trust
from resilience.ledger.drivers.session import Credential
from resilience.ledger.drivers.trust import Authorities, ClientCertificate
from resilience.model.scenario import Step
from resilience.model.step_reach import Reach
from resilience.model.values import Duration
from resilience.model.verb import Complaint, Family, Phase, Right, Verb, parameter
from resilience.probes.complaints import of_expression, without_body
from resilience.probes.kinds.web import http_trust, http_url, json_place
from resilience.probes.kinds.web.http_trust import Certificate
from resilience.probes.prober.launch import UNDO_TEXT, Via, remove
from resilience.probes.service import placement, service_probe, shared_keys

if TYPE_CHECKING:
    from resilience.probes.prober.once import Asking
    from resilience.verbs.context import ProbeContext, RunningProbe

SUCCESS = (200, 299)
"""Default for the good statuses. A redirect does not count as good."""

POD_HEADER = "x-pod-name"


READS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Http:
    """What to request, and which answers are good."""

    service: str = parameter(
        "The Service to send requests to, at the address its clients use.",
        default="",
        example="checkout",
        one_of="target",
    )
    url: str = parameter(
        "The URL to send requests to: an Ingress, a Gateway or anything outside the cluster.",
        default="",
        example="https://shop.example.com/healthz",
        one_of="target",
    )
    port: int | str = parameter(
        "Port of the Service, by name or number; required if there are several.",
        default="",
        example="http",
    )
    namespace: str = shared_keys.namespace()
    depends_on: Selector | None = shared_keys.depends_on()
    scheme: Literal["http", "https"] = parameter("The scheme of the requests.", default="http")
    path: str = parameter("Path and query.", default="/", example="/healthz")
    method: Literal["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"] = parameter(
        "Method of the request.", default="GET"
    )
    headers: Mapping[str, str] = parameter("Headers to send.", default_factory=dict)
    body: str = parameter("Body to send.", default="")
    status: int | tuple[int, ...] = parameter(
        "Expected status or list of statuses; 200 to 299 by default.",
        default=(),
        example="200",
    )
    contains: str = parameter("Text that the body must contain.", default="")
    matches: str = parameter("Regular expression that the body must match.", default="")
    json: Mapping[str, str] = parameter(
        "Values that the JSON body must contain, by path.",
        default_factory=dict, example="{status: ready, 'items[0].count': 3}",
    )  # fmt: skip
    timeout: Duration = shared_keys.timeout("request")
    keepalive: bool = shared_keys.keepalive("requests")
    ca: Path | None = trust.ca()
    ca_from: Authorities | None = trust.ca_from()
    server_name: str = trust.server_name()
    certificate: Certificate | None = parameter(
        "Requirements on the server's certificate.", default=None, example="{expires_in: 14d}"
    )
    client_certificate: ClientCertificate | None = trust.client_certificate()
    token: Credential | None = parameter(
        "Source of a bearer token to send.",
        default=None,
        example="{secret: checkout-api, key: token}",
    )
    via: Via = shared_keys.via()
    agents: int = shared_keys.agents()
    answered_by: str = parameter(
        "Response header with the Pod's name; `body` if the body is the name, as under /hostname.",
        default="",
        example="x-pod-name",
    )


def _check(http: Http) -> Sequence[Complaint]:
    found = [*_target_complaints(http), *_text_complaints(http), *_body_complaints(http)]
    return found or [*http_trust.complaints(http, tls=_is_tls(http))]


def _body_complaints(http: Http) -> Iterator[Complaint]:
    for place in http.json:
        if json_place.steps(place) is None:
            yield Complaint(field="json", message=f"{place!r} is not a path in a document",
                            expected="keys and indexes, such as `items[0].name`")  # fmt: skip
    if why := without_body(http.method, _statuses(http)):
        for field in ("contains", "matches", "json"):
            if getattr(http, field):
                yield Complaint(field=field, message=why)


def _target_complaints(http: Http) -> Iterator[Complaint]:
    if not http.service and not http.url:
        yield Complaint(field="", message="nothing to ask", expected="`service` or `url`")
    if http.url:
        for field in ("port", "namespace"):
            if getattr(http, field):
                yield Complaint(
                    field=field, message=f"`{field}` can be used with `service`, not with `url`"
                )
        yield from http_url.complaints(http)


def _text_complaints(http: Http) -> Iterator[Complaint]:
    if not http.path.startswith("/") or re.search(r"[\s\x00-\x1f]", http.path):
        yield Complaint(
            field="path", message=f"`path` is {http.path!r}", expected="a path such as /healthz"
        )
    for code in _statuses(http):
        if not 100 <= code <= 599:
            yield Complaint(field="status", message=f"{code} is not an HTTP status",
                            expected="a number from 100 to 599")  # fmt: skip
    for name, text in http.headers.items():
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) or re.search(r"[\r\n\0]", text):
            yield Complaint(field="headers", message=f"{name!r} cannot be sent as a header")
    yield from of_expression("matches", http.matches)
    yield from service_probe.complaints(http)


def _statuses(http: Http) -> tuple[int, ...]:
    return (http.status,) if isinstance(http.status, int) else http.status


def _is_tls(http: Http) -> bool:
    return http.scheme == "https" if http.service else _url(http).scheme == "https"


def _url(http: Http) -> SplitResult:
    return urlsplit(http.url)


def _path(http: Http) -> str:
    parts = _url(http)
    if http.service or parts.path in ("", "/"):
        path = http.path
        return path if "?" in path or not parts.query else f"{path}?{parts.query}"
    return parts.path + (f"?{parts.query}" if parts.query else "")


def _describe(http: Http) -> str:
    if http.url:
        parts = _url(http)
        return f"{http.method} {parts.scheme}://{parts.netloc}{_path(http)}"
    port = f":{http.port}" if http.port else ""
    return f"{http.method} {http.scheme}://{http.service}{port}{http.path}"


def _rights(http: Http, namespace: str) -> Sequence[Right]:
    own = http_trust.rights(http, http.namespace or namespace)
    return service_probe.rights(http, namespace, own)


def _touches(http: Http, namespace: str) -> Reach:
    inside = service_probe.reach(http, namespace)
    if http.method in READS:
        return inside
    url = _url(http)
    asked = placement.asked(http, namespace, url.hostname or "", placement.port_of(url))
    return asked | placement.named_to(http.headers, namespace, http.server_name) | inside


def configuration(
    http: Http, host: str, port: int, name: str, directory: Path, named_port: int
) -> dict[str, Any]:
    """The configuration that the agent receives. `name` and `named_port` are what a client calls
    the host, for Host and TLS."""
    tls = _is_tls(http)
    headers = dict(http.headers)
    if "host" not in {key.lower() for key in headers}:
        headers["Host"] = authority(name, named_port, tls=tls)
    path = http_url.in_ascii(_path(http))
    by_body = http.answered_by == "body" or (not http.answered_by and path == "/hostname")
    return {
        "kind": "http",
        "host": host,
        "port": port,
        "timeout": http.timeout.seconds,
        "keepalive": http.keepalive,
        "method": http.method,
        "path": path,
        "headers": headers,
        "body": http.body,
        "status": [[code, code] for code in _statuses(http)] or [list(SUCCESS)],
        "contains": http.contains,
        "matches": http.matches,
        "json": [[json_place.steps(place), text] for place, text in http.json.items()],
        "tls": tls,
        "ca": str(directory / http.ca) if http.ca else None,
        "server_name": http.server_name or name,
        "by_header": http.answered_by or POD_HEADER,
        "by_body": by_body,
    }


def _asked(http: Http, context: Asking) -> tuple[dict[str, Any], str]:
    """The agent's configuration, and the address for people."""
    namespace = http.namespace or context.namespace
    if http.service:
        host, port = context.address(http.service, http.port, namespace)
        name = f"{http.service}.{namespace}"
        named_port = context.service_port(http.service, http.port, namespace)
    else:
        parts = _url(http)
        host = name = parts.hostname or ""
        port = named_port = placement.port_of(parts)
    told = configuration(http, host, port, name, context.directory, named_port)
    told |= http_trust.given(http, context, namespace)
    if token := told.pop("token", ""):
        told["headers"]["Authorization"] = f"Bearer {token}"
    return told, f"{host}:{port}"


def run(step: Step, context: ProbeContext) -> RunningProbe:
    """Start asking."""
    http: Http = step.parameters
    given, address = _asked(http, context)
    facts = {"address": address, "keepalive": http.keepalive}
    return service_probe.run(step, context, given, _describe(http), facts)


def ask(http: Http, context: Asking) -> str:
    """Send one request; raise NotMet unless the answer is good."""
    given, _ = _asked(http, context)
    return service_probe.ask(http, context, given, _describe(http))


VERB = Verb(
    name="http",
    family=Family.PROBE,
    summary="Send HTTP requests at a fixed rate, and judge availability, outages and latency.",
    parameters=Http,
    phases=frozenset(Phase),
    run=run,
    ask=ask,
    describe=_describe,
    check=_check,
    rights=_rights,
    touches=_touches,
    helpers=service_probe.helpers,
    undo=remove,
    undo_text=UNDO_TEXT,
    example=(
        "- http: {service: checkout, port: http, path: /healthz, status: 200}\n"
        "  name: checkout\n"
        "  rate: 50/s\n"
        "  objective: {availability: 99%, longest_outage: 2s, p99: 300ms}\n"
    ),
)
