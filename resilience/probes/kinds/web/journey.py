"""`journey`: a sequence of requests as a user makes them: log in, fill the cart, pay.

A journey is good if all its steps are; each step is also reported separately. Cookies are kept
within a journey, values of an answer can be used in later steps, and redirects are followed where a
step says so. Each journey is a new user: a new connection, no cookies.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from resilience.kube.selectors import Selector
from resilience.ledger.drivers import trust
from resilience.ledger.drivers.session import Credential
from resilience.ledger.drivers.trust import Authorities, ClientCertificate
from resilience.model.scenario import Step
from resilience.model.step_reach import Reach, union
from resilience.model.values import Duration
from resilience.model.verb import Complaint, Family, Phase, Verb, parameter
from resilience.probes.complaints import of_agents, of_source, of_timeout, without_body
from resilience.probes.kinds.web import json_place
from resilience.probes.kinds.web.json_place import USE
from resilience.probes.kinds.web.redirects import READS
from resilience.probes.prober.launch import UNDO_TEXT, Via, remove
from resilience.probes.service import placement, server, shared_keys

if TYPE_CHECKING:
    from resilience.probes.prober.once import Asking
    from resilience.verbs.context import ProbeContext, RunningProbe

NAME = r"[A-Za-z_][A-Za-z0-9_]*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One request of a journey."""

    name: str = parameter("What the user does.", example="log in")
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = parameter(
        "Method of the request.", default="GET"
    )
    path: str = parameter("Path and query; `{NAME}` is a kept value.", example="/cart/{id}")
    headers: Mapping[str, str] = parameter("Headers to send.", default_factory=dict)
    body: str = parameter("Body to send; `{NAME}` is a kept value.", default="")
    status: int | tuple[int, ...] = parameter(
        "Expected status or list of statuses; 200 to 299 by default.", default=(), example="201"
    )
    contains: str = parameter("Text that the body must contain.", default="")
    json: Mapping[str, str] = parameter(
        "Values that the JSON body must contain, by path.", default_factory=dict
    )
    keep: Mapping[str, str] = parameter(
        "Values of the answer to keep for later steps: a name, and its path in the JSON body.",
        default_factory=dict, example="{id: cart.id}",
    )  # fmt: skip
    redirects: int = parameter(
        "How many redirects to follow; without it, a redirect is the answer.",
        default=0, at_least=0, at_most=20,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """Where to send the requests, and the steps."""

    service: str = shared_keys.service("shop")
    url: str = parameter("URL to begin with, outside of the cluster.", default="",
                         example="https://shop.example.com", one_of="place")  # fmt: skip
    port: int | str = parameter("Port of the Service, by name or number.", default="")
    namespace: str = shared_keys.namespace()
    depends_on: Selector | None = shared_keys.depends_on()
    scheme: Literal["http", "https"] = parameter("The scheme of a Service.", default="http")
    http2: bool = parameter("Whether to use HTTP/2 (over TLS, by negotiation).", default=False)
    ca: Path | None = trust.ca()
    ca_from: Authorities | None = trust.ca_from()
    client_certificate: ClientCertificate | None = trust.client_certificate()
    token: Credential | None = parameter("Source of a bearer token to send.", default=None)
    steps: tuple[Stop, ...] = parameter("The requests, one after another.", at_least=1)
    timeout: Duration = parameter(
        "A journey that has not ended after this time has failed.",
        default=Duration.of(5), example="5s",
    )  # fmt: skip
    via: Via = shared_keys.via()
    agents: int = shared_keys.agents()


def _check(journey: Journey) -> Iterator[Complaint]:
    yield from _place_complaints(journey)
    names = [stop.name for stop in journey.steps]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        yield Complaint(field="steps", message=f"two steps are called {twice[0]!r}",
                        expected="a name for each")  # fmt: skip
    kept: set[str] = set()
    for stop in journey.steps:
        for problem in _wrong(stop, kept):
            yield Complaint(field="steps", message=f"the step {stop.name!r}: {problem}")
        kept |= set(stop.keep)


def _place_complaints(journey: Journey) -> Iterator[Complaint]:
    if not (journey.service or journey.url):
        yield Complaint(field="", message="nothing to ask", expected="`service` or `url`")
    parts = urlsplit(journey.url)
    if journey.url and (parts.scheme not in ("http", "https") or not parts.hostname):
        yield Complaint(field="url", message=f"`url` is {journey.url!r}",
                        expected="a URL such as https://shop.example.com")  # fmt: skip
    if parts.username or parts.password:
        yield Complaint(
            field="url",
            message="`url` contains a user name or password, which reports would show",
            expected="`token:` by reference",
        )
    https = (journey.scheme if journey.service else parts.scheme) == "https"
    yield from trust.of_https(journey, https=https)
    yield from of_source("token", journey.token)
    yield from of_timeout(journey.timeout)
    yield from of_agents(journey.agents, journey.via)


def _wrong(stop: Stop, kept: set[str]) -> Iterator[str]:
    if not stop.path.startswith("/") or re.search(r"[\s\x00-\x1f]", stop.path):
        yield f"`path` is {stop.path!r}, expected one such as /cart"
    texts = (stop.path, stop.body, *stop.headers.values())
    for name in sorted({each for text in texts for each in USE.findall(text)} - kept):
        if name in stop.keep or f"{{{name}}}" in stop.path:
            yield f"{{{name}}} is not kept by an earlier step"
    for name, place in (*stop.keep.items(), *(("", place) for place in stop.json)):
        if (name and not re.fullmatch(NAME, name)) or json_place.steps(place) is None:
            yield f"{place!r} is not a path in a document, such as `items[0].id`"
    if any(re.search(r"[\r\n\0]", text) for text in stop.headers.values()):
        yield "a header cannot be sent"
    statuses = (stop.status,) if isinstance(stop.status, int) else stop.status
    if (stop.contains or stop.json or stop.keep) and (why := without_body(stop.method, statuses)):
        yield why


def _describe(journey: Journey) -> str:
    return f"{', '.join(stop.name for stop in journey.steps)} at {journey.service or journey.url}"


def _touches(journey: Journey, namespace: str) -> Reach:
    """The requests may change something, unless all of them only read."""
    inside = placement.reach(journey, namespace)
    if all(stop.method in READS for stop in journey.steps):
        return inside
    place = urlsplit(journey.url)
    asked = placement.asked(journey, namespace, place.hostname or "", placement.port_of(place))
    named = (placement.named_to(stop.headers, namespace) for stop in journey.steps)
    return union([asked, *named, inside])


def run(step: Step, context: ProbeContext) -> RunningProbe:
    """Set out, with one prober or with several."""
    from resilience.probes.kinds.web.journey_probe import JourneyFleet, JourneyProbe

    probe = JourneyFleet if step.parameters.agents > 1 else JourneyProbe
    return probe(step, context, _describe(step.parameters))


def ask(journey: Journey, context: Asking) -> str:
    """Make one journey; NotMet unless it is good."""
    from resilience.probes.kinds.web.journey_probe import configuration, launch
    from resilience.probes.prober.once import ask_once

    given = configuration(journey, context)
    return ask_once(given, _describe(journey), launch(journey, context))


VERB = Verb(
    name="journey",
    family=Family.PROBE,
    summary="Send the requests of a user one after another, and judge them as one.",
    parameters=Journey,
    phases=frozenset(Phase),
    run=run,
    ask=ask,
    describe=_describe,
    check=lambda journey: list(_check(journey)),
    rights=lambda journey, namespace: server.asker_rights(journey, namespace, journey.token),
    touches=_touches,
    helpers=server.helpers,
    undo=remove,
    undo_text=UNDO_TEXT,
    example=(
        "- journey:\n"
        "    service: shop\n"
        "    steps:\n"
        "      - {name: log in, method: POST, path: /login, body: user=a, keep: {id: cart.id}}\n"
        "      - {name: pay, method: POST, path: '/cart/{id}/pay', status: 201}\n"
        "  rate: 5/s\n"
        "  objective: {availability: 95%}\n"
    ),
)
