"""Credentials by reference and the server's certificate, for the `http` probe.

A token or a key is read when the probe starts, goes to the prober over its standard input or in a
Secret of its own, and is masked wherever text is shown. It is in no scenario, journal or report.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resilience.cluster.errors import ClusterError
from resilience.cluster.interface import SECRETS
from resilience.model.masks import MASKS
from resilience.model.values import Duration
from resilience.model.verb import Complaint, Right, parameter
from resilience.probes.complaints import of_source
from resilience.probes.prober.server import named, token
from resilience.verbs.context import NotMet

if TYPE_CHECKING:
    from resilience.probes.kinds.http import Http

TLS = ("tls.crt", "tls.key")
"""Keys of a Secret of type kubernetes.io/tls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """Requirements on the server's certificate, besides its validity."""

    expires_in: Duration = parameter(
        "How long it must still be valid at least, by the prober's clock.", example="14d"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCertificate:
    """The prober's own certificate."""

    secret: str = parameter("A Secret of type kubernetes.io/tls.", example="checkout-client")


def complaints(http: Http, *, tls: bool) -> Iterator[Complaint]:
    """Complaints about keys that contradict each other."""
    for field in ("certificate", "client_certificate"):
        if getattr(http, field) and not tls:
            yield Complaint(field=field, message=f"`{field}` of plain http", expected="https")
    if http.certificate and not http.certificate.expires_in.exact:
        yield Complaint(field="certificate", message="`expires_in` is 0s",
                        expected="a duration such as 14d")  # fmt: skip
    yield from of_source("token", http.token)
    if http.token and "authorization" in {name.lower() for name in http.headers}:
        yield Complaint(field="token", message="there is an `authorization` header as well",
                        expected="one of them")  # fmt: skip


def rights(http: Http, namespace: str) -> Sequence[Right]:
    """To read the Secrets, each by its name."""
    names = [http.token.secret] if http.token else []
    names += [http.client_certificate.secret] if http.client_certificate else []
    return [Right(verb="get", group="", resource="secrets", namespace=namespace, name=name)
            for name in names if name]  # fmt: skip


def given(http: Http, context: Any, namespace: str) -> Mapping[str, Any]:
    """The settings for the agent; NotMet if a credential cannot be read."""
    told: dict[str, Any] = {}
    if http.certificate:
        told["valid_for"] = http.certificate.expires_in.seconds
    if http.token:
        told["token"] = token(http.token, context, namespace)
    if http.client_certificate:
        told["client"] = _pair(http.client_certificate.secret, context, namespace)
    return told


def _pair(name: str, context: Any, namespace: str) -> str:
    """Certificate and key as one PEM text."""
    try:
        data = context.cluster.get(SECRETS, name, namespace).get("data") or {}
    except ClusterError as error:
        raise NotMet(f"Secret {namespace}/{name}: {error}", final=True) from error
    if missing := [key for key in TLS if key not in data]:
        known = ", ".join(sorted(data)) or "nothing"
        raise NotMet(f"Secret {namespace}/{name} has no {missing[0]}; it has: {known}", final=True)
    certificate, key = (base64.b64decode(data[each]).decode("ascii", "replace") for each in TLS)
    MASKS.take(named(namespace, name, TLS[1]), key)
    return f"{certificate.strip()}\n{key.strip()}\n"
