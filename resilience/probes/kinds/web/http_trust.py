"""Credentials by reference and the server's certificate, for the `http` probe.

A token or a key is read when the probe starts, goes to the prober over its standard input or in a
Secret of its own, and is masked wherever text is shown. It is in no scenario, journal or report.
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resilience.cluster.errors import ClusterError
from resilience.cluster.interface import CONFIGMAPS, SECRETS, Resource
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorities:
    """Certificates to trust, as one text of PEM in the Service's namespace."""

    configmap: str = parameter(
        "The ConfigMap that holds them.", default="", example="kube-root-ca.crt", one_of="source"
    )
    secret: str = parameter(
        "The Secret that holds them.", default="", example="checkout-tls", one_of="source"
    )
    key: str = parameter("The key in it.", default="ca.crt")


def complaints(http: Http, *, tls: bool) -> Iterator[Complaint]:
    """Complaints about keys that contradict each other."""
    for field in ("certificate", "client_certificate", "ca_from"):
        if getattr(http, field) and not tls:
            yield Complaint(field=field, message=f"`{field}` of plain http", expected="https")
    if http.certificate and not http.certificate.expires_in.exact:
        yield Complaint(field="certificate", message="`expires_in` is 0s",
                        expected="a duration such as 14d")  # fmt: skip
    if http.ca and http.ca_from:
        yield Complaint(field="ca_from", message="there is a `ca` as well", expected="one of them")
    if http.ca_from and not (http.ca_from.configmap or http.ca_from.secret):
        yield Complaint(field="ca_from", message="`ca_from` names no source",
                        expected="`{configmap: NAME}` or `{secret: NAME}`")  # fmt: skip
    yield from of_source("token", http.token)
    if http.token and "authorization" in {name.lower() for name in http.headers}:
        yield Complaint(field="token", message="there is an `authorization` header as well",
                        expected="one of them")  # fmt: skip


def rights(http: Http, namespace: str) -> Sequence[Right]:
    """To read the Secrets and the ConfigMap, each by its name."""
    secrets = [http.token.secret] if http.token else []
    secrets += [http.client_certificate.secret] if http.client_certificate else []
    secrets += [http.ca_from.secret] if http.ca_from else []
    maps = [http.ca_from.configmap] if http.ca_from else []
    return [Right(verb="get", group="", resource=kind, namespace=namespace, name=name)
            for kind, names in (("secrets", secrets), ("configmaps", maps))
            for name in names if name]  # fmt: skip


def given(http: Http, context: Any, namespace: str) -> Mapping[str, Any]:
    """The settings for the agent; NotMet if a credential cannot be read."""
    told: dict[str, Any] = {}
    if http.certificate:
        told["valid_for"] = http.certificate.expires_in.seconds
    if http.ca_from:
        told["authorities"] = _trusted(http.ca_from, context, namespace)
    if http.token:
        told["token"] = token(http.token, context, namespace)
    if http.client_certificate:
        told["client"] = _pair(http.client_certificate.secret, context, namespace)
    return told


def _trusted(authorities: Authorities, context: Any, namespace: str) -> str:
    """Their PEM text. What OpenSSL cannot read is no fault of the server, and so reported here."""
    held, key = bool(authorities.secret), authorities.key
    name = authorities.secret or authorities.configmap
    resource = SECRETS if held else CONFIGMAPS
    data = _data(resource, name, [key], context, namespace)
    text = base64.b64decode(data[key]).decode("ascii", "replace") if held else str(data[key])
    try:
        ssl.create_default_context(cadata=text)
    except (ssl.SSLError, ValueError) as error:
        raise NotMet(f"{_KINDS[resource]} {namespace}/{name}, key {key!r}, holds no certificates "
                     f"as PEM: {error}", final=True, unknown=True) from error  # fmt: skip
    return text


_KINDS = {SECRETS: "Secret", CONFIGMAPS: "ConfigMap"}


def _data(
    resource: Resource, name: str, keys: Sequence[str], context: Any, namespace: str
) -> Mapping[str, Any]:
    """What the object holds; NotMet, but not for good, if it or one of the keys is missing: some
    are written by a controller. That says nothing about the service."""
    kind = _KINDS[resource]
    try:
        data: Mapping[str, Any] = context.cluster.get(resource, name, namespace).get("data") or {}
    except ClusterError as error:
        raise NotMet(f"{kind} {namespace}/{name}: {error}", unknown=True) from error
    if missing := [key for key in keys if key not in data]:
        known = ", ".join(sorted(data)) or "nothing"
        text = f"{kind} {namespace}/{name} has no {missing[0]}; it has: {known}"
        raise NotMet(text, unknown=True)
    return data


def _pair(name: str, context: Any, namespace: str) -> str:
    """Certificate and key as one PEM text."""
    data = _data(SECRETS, name, TLS, context, namespace)
    certificate, key = (base64.b64decode(data[each]).decode("ascii", "replace") for each in TLS)
    MASKS.take(named(namespace, name, TLS[1]), key)
    return f"{certificate.strip()}\n{key.strip()}\n"
