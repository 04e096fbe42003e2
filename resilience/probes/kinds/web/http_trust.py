"""Credentials by reference and the server's certificate, for the `http` probe.

A token or a key is read when the probe starts, goes to the prober over its standard input or in a
Secret of its own, and is masked wherever text is shown. It never appears in a scenario, journal or
report.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resilience.ledger.drivers import trust
from resilience.model.values import Duration
from resilience.model.verb import Complaint, Right, parameter
from resilience.probes.complaints import of_source
from resilience.probes.service.server import in_cluster, token

if TYPE_CHECKING:
    from resilience.probes.kinds.http import Http


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """Requirements on the server's certificate, besides its validity."""

    expires_in: Duration = parameter(
        "The minimum remaining validity, by the prober's clock.", example="14d"
    )


def complaints(http: Http, *, tls: bool) -> Iterator[Complaint]:
    """Error messages for contradictory keys."""
    if http.certificate and not tls:
        yield Complaint(field="certificate", message="`certificate` requires https",
                        expected="https")  # fmt: skip
    if http.certificate and not http.certificate.expires_in.exact:
        yield Complaint(field="certificate", message="`expires_in` is 0s",
                        expected="a duration such as 14d")  # fmt: skip
    yield from trust.of_https(http, https=tls)
    yield from of_source("token", http.token)
    if http.token and "authorization" in {name.lower() for name in http.headers}:
        yield Complaint(field="token", message="there is also an `authorization` header",
                        expected="one of them")  # fmt: skip


def rights(http: Http, namespace: str) -> Sequence[Right]:
    """Permissions to read the Secrets and the ConfigMap, each by name."""
    held = http.token.secret if http.token else ""
    own = [Right(verb="get", group="", resource="secrets", namespace=namespace, name=held)]
    return [*(own if held else []), *trust.rights(http, namespace)]


def given(http: Http, context: Any, namespace: str) -> Mapping[str, Any]:
    """The settings for the agent; NotMet if a credential cannot be read."""
    told: dict[str, Any] = {}
    if http.certificate:
        told["valid_for"] = http.certificate.expires_in.seconds
    with in_cluster():
        if http.ca_from:
            told["authorities"] = trust.trusted(http.ca_from, context.cluster, namespace)
        if http.token:
            told["token"] = token(http.token, context, namespace)
        if http.client_certificate:
            secret = http.client_certificate.secret
            told["client"] = trust.pair(secret, context.cluster, namespace)
    return told
