"""Credentials by reference and the server's certificate, for the `http` probe.

A token or a key is read when the probe starts, goes to the prober over its standard input or in a
Secret of its own, and is masked wherever text is shown. It never appears in a scenario, journal or
report.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resilience.cluster.access.secret_values import NoSecretValue, secret_values
from resilience.cluster.errors import ClusterError
from resilience.cluster.interface import CONFIGMAPS
from resilience.model.values import Duration
from resilience.model.verb import Complaint, Right, parameter
from resilience.probes.complaints import of_source
from resilience.probes.service.server import token
from resilience.verbs.context import NotMet

if TYPE_CHECKING:
    from resilience.probes.kinds.http import Http

TLS = ("tls.crt", "tls.key")
"""Keys of a Secret of type kubernetes.io/tls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """Requirements on the server's certificate, besides its validity."""

    expires_in: Duration = parameter(
        "The minimum remaining validity, by the prober's clock.", example="14d"
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
    """Error messages for contradictory keys."""
    for field in ("certificate", "client_certificate", "ca_from"):
        if getattr(http, field) and not tls:
            yield Complaint(field=field, message=f"`{field}` requires https", expected="https")
    if http.certificate and not http.certificate.expires_in.exact:
        yield Complaint(field="certificate", message="`expires_in` is 0s",
                        expected="a duration such as 14d")  # fmt: skip
    if http.ca and http.ca_from:
        yield Complaint(field="ca_from", message="there is also a `ca`", expected="one of them")
    if http.ca_from and not (http.ca_from.configmap or http.ca_from.secret):
        yield Complaint(field="ca_from", message="`ca_from` names no source",
                        expected="`{configmap: NAME}` or `{secret: NAME}`")  # fmt: skip
    yield from of_source("token", http.token)
    if http.token and "authorization" in {name.lower() for name in http.headers}:
        yield Complaint(field="token", message="there is also an `authorization` header",
                        expected="one of them")  # fmt: skip


def rights(http: Http, namespace: str) -> Sequence[Right]:
    """Permissions to read the Secrets and the ConfigMap, each by name."""
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
    """Their PEM text. A text that OpenSSL cannot read is not the server's fault, so it is reported
    here."""
    key = authorities.key
    if authorities.secret:
        where = f"Secret {namespace}/{authorities.secret}"
        (text,) = _in_secret(authorities.secret, [key], context, namespace, public=[key])
    else:
        where = f"ConfigMap {namespace}/{authorities.configmap}"
        text = _in_map(authorities.configmap, key, context, namespace)
    try:
        ssl.create_default_context(cadata=text)
    except (ssl.SSLError, ValueError) as error:
        raise NotMet(f"{where}, key {key!r}, holds no certificates as PEM: {error}",
                     final=True, unknown=True) from error  # fmt: skip
    return text


def _in_map(name: str, key: str, context: Any, namespace: str) -> str:
    """The value; NotMet as for a Secret."""
    where = f"ConfigMap {namespace}/{name}"
    try:
        data: Mapping[str, Any] = context.cluster.get(CONFIGMAPS, name, namespace).get("data") or {}
    except ClusterError as error:
        raise NotMet(f"{where}: {error}", unknown=True) from error
    if key not in data:
        known = ", ".join(sorted(data)) or "nothing"
        raise NotMet(f"{where} has no key {key!r}; it has: {known}", unknown=True)
    return str(data[key])


def _in_secret(
    name: str, keys: Sequence[str], context: Any, namespace: str, public: Sequence[str]
) -> list[str]:
    """The values; NotMet, but not final, if the object or a key is missing: some are written by a
    controller. That says nothing about the service."""
    try:
        found = secret_values(context.cluster, namespace, name)
        values = [found.value(key, public=key in public) for key in keys]
    except NoSecretValue as error:
        raise NotMet(str(error), unknown=True) from error
    return [value.decode("ascii", "replace") for value in values]


def _pair(name: str, context: Any, namespace: str) -> str:
    """Certificate and key as one PEM text."""
    certificate, key = _in_secret(name, TLS, context, namespace, public=[TLS[0]])
    return f"{certificate.strip()}\n{key.strip()}\n"
