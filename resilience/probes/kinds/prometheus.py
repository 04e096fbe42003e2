"""`prometheus`: requires that every value of a query stays within a limit over the judged time.

Use it for the service's own metrics: the length of a queue, errors of a dependency, saturation.
When measuring has ended, one range query for the whole time is sent, as for a graph. Without data
the result is not measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from resilience.ledger.drivers import trust
from resilience.ledger.drivers.session import Credential
from resilience.ledger.drivers.trust import Authorities, ClientCertificate
from resilience.model.scenario import Step
from resilience.model.step_reach import Reach
from resilience.model.values import Duration
from resilience.model.verb import Complaint, Family, Phase, Right, Verb, parameter
from resilience.probes.complaints import of_source
from resilience.probes.service import shared_keys
from resilience.probes.service.server import rights

if TYPE_CHECKING:
    from resilience.verbs.context import ProbeContext, RunningProbe


@dataclass(frozen=True, slots=True, kw_only=True)
class Prometheus:
    """Where to send which query, and which values are good."""

    service: str = parameter(
        "Service of the Prometheus.", default="", example="prometheus", one_of="place"
    )
    url: str = parameter("URL of the Prometheus.", default="",
                         example="https://prometheus.example.com", one_of="place")  # fmt: skip
    port: int | str = parameter("Port of the Service, by name or number.", default="")
    scheme: Literal["http", "https"] = parameter("The scheme of a Service.", default="http")
    namespace: str = shared_keys.namespace()
    query: str = parameter("The expression in PromQL.", example="sum(rate(http_errors_total[30s]))")
    at_most: str = parameter("The largest good value.", default="", example="0.5")
    at_least: str = parameter("The smallest good value.", default="", example="3")
    resolution: Duration = parameter(
        "How long a sample counts: at least the time between two samples (`scrape_interval`).",
        default=Duration.of(5),
    )
    token: Credential | None = parameter("Source of a bearer token to send.", default=None)
    ca: Path | None = trust.ca()
    ca_from: Authorities | None = trust.ca_from()
    client_certificate: ClientCertificate | None = trust.client_certificate()
    timeout: Duration = parameter("Timeout of a query.", default=Duration.of(10))


def _check(prometheus: Prometheus) -> Iterator[Complaint]:
    if not (prometheus.service or prometheus.url):
        yield Complaint(field="", message="nothing to ask", expected="`service` or `url`")
    parts = urlsplit(prometheus.url)
    if prometheus.url and (parts.scheme not in ("http", "https") or not parts.hostname):
        yield Complaint(field="url", message=f"`url` is {prometheus.url!r}",
                        expected="a URL such as https://prometheus.example.com")  # fmt: skip
    if parts.username or parts.password:
        yield Complaint(field="url", message="`url` holds a user name or password, which reports "
                        "would show", expected="`token:` by reference")  # fmt: skip
    if not (prometheus.at_most or prometheus.at_least):
        yield Complaint(field="", message="any value would be accepted",
                        expected="`at_most` or `at_least`")  # fmt: skip
    for field in ("at_most", "at_least"):
        if (text := getattr(prometheus, field)) and limit(text) is None:
            yield Complaint(field=field, message=f"`{field}` is {text!r}", expected="a number")
    https = (prometheus.scheme if prometheus.service else parts.scheme) == "https"
    yield from trust.of_https(prometheus, https=https)
    yield from of_source("token", prometheus.token)
    if not prometheus.resolution.exact or prometheus.resolution.exact % 1:
        yield Complaint(field="resolution", message=f"`resolution` is {prometheus.resolution}",
                        expected="whole seconds, 1s or more")  # fmt: skip


def limit(text: str) -> float | None:
    """A finite number; None for any other text."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if value - value == 0 else None


def promised(prometheus: Prometheus) -> str:
    """In words."""
    bounds = [("at most", prometheus.at_most), ("at least", prometheus.at_least)]
    told = " and ".join(f"{word} {text}" for word, text in bounds if text)
    return f"{prometheus.query} {told}"


def _rights(prometheus: Prometheus, namespace: str) -> Sequence[Right]:
    where = prometheus.namespace or namespace
    return [*rights(prometheus, namespace, prometheus.token), *trust.rights(prometheus, where)]


def run(step: Step, context: ProbeContext) -> RunningProbe:
    """Begin; the query is sent at the end."""
    from resilience.probes.kinds.metrics.query_range import QueryProbe

    return QueryProbe(step, context, step.parameters, promised(step.parameters))


VERB = Verb(
    name="prometheus",
    family=Family.PROBE,
    summary="Every value of a Prometheus query stays within a limit while the scenario is judged.",
    parameters=Prometheus,
    phases=frozenset({Phase.WHILE}),
    never={"agents": "one query answers for the whole time, wherever it is sent from"},
    run=run,
    describe=promised,
    check=lambda prometheus: list(_check(prometheus)),
    measures=False,
    rights=_rights,
    touches=lambda prometheus, namespace: Reach(),
    example=(
        "prometheus: {service: prometheus, namespace: monitoring, query: 'sum(queue_length)',\n"
        "             at_most: 100}"
    ),
)
