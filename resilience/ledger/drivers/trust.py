"""TLS of a client: which certificates it trusts, which name it expects, which one it shows.

The words are the same for every probe and ledger. A key is read when the connection is prepared,
is masked from then on, and is never in a scenario, a journal or a report.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resilience.cluster.access.secret_values import NoSecretValue, secret_values
from resilience.cluster.errors import ClusterError
from resilience.cluster.interface import CONFIGMAPS, Cluster
from resilience.ledger.drivers.session import Unusable
from resilience.model.verb import Complaint, Right, parameter

PAIR = ("tls.crt", "tls.key")
"""Keys of a Secret of type kubernetes.io/tls."""

KEYS = ("ca", "ca_from", "server_name", "client_certificate")
"""What only makes sense with TLS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCertificate:
    """The client's own certificate."""

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


def tls() -> Any:
    """The key that turns TLS on."""
    return parameter("Whether to use TLS.", default=False)


def ca() -> Any:
    """Certificates to trust, from a file."""
    return parameter("PEM file with the certificates to trust.", default=None)


def ca_from() -> Any:
    """The same from the cluster."""
    return parameter(
        "Where the certificates to trust are in the cluster.", default=None,
        example="{configmap: kube-root-ca.crt}",
    )  # fmt: skip


def server_name() -> Any:
    """The name in the server's certificate."""
    return parameter("Name expected in the certificate, if it differs from the host.", default="")


def client_certificate() -> Any:
    """What the server may ask for."""
    return parameter("The client certificate.", default=None, example="{secret: checkout-client}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """`name` is expected in the server's certificate; `authorities` and `client` (certificate and
    key) are PEM texts, "" for the system's and for none."""

    name: str
    authorities: str = ""
    client: str = ""

    def context(self) -> ssl.SSLContext:
        """For one connection or several; Unusable where a text is no certificate."""
        try:
            made = ssl.create_default_context(cadata=self.authorities or None)
        except (ssl.SSLError, ValueError) as error:
            raise Unusable(f"the certificates to trust are no PEM: {error}") from error
        if self.client:
            _load(made, self.client)
        return made


@contextmanager
def in_memory(text: str) -> Iterator[str]:
    """The path of a file with this text, for libraries that read files only: it is in memory, and
    nobody else can open it."""
    fd = os.memfd_create("pem")
    try:
        os.fchmod(fd, 0o600)  # libpq wants a key that is its owner's alone
        os.write(fd, text.encode())
        yield f"/proc/self/fd/{fd}"
    finally:
        os.close(fd)


def _load(context: ssl.SSLContext, client: str) -> None:
    try:
        with in_memory(client) as path:
            context.load_cert_chain(path)
    except ssl.SSLError as error:
        raise Unusable(f"the client certificate cannot be used: {error}") from error


def failure(error: BaseException | None) -> str:
    """Why TLS failed, from an error or what led to it; "" where it is something else. A connection
    that ends in the middle of a handshake is no failure of TLS."""
    while error is not None:
        if isinstance(error, ssl.SSLError) and not isinstance(
            error, ssl.SSLEOFError | ssl.SSLZeroReturnError
        ):
            return str(getattr(error, "verify_message", "") or error)
        error = error.__cause__ or error.__context__
    return ""


def unshown(trust: Mapping[str, Any] | None) -> str:
    """What a closed connection may mean besides: in TLS 1.3 the server looks at the client's
    certificate after the client has begun to write, and its reason is lost with the connection."""
    if not trust or trust["client"]:
        return ""
    return "; a server that wants a `client_certificate` closes like this as well"


def complaints(parameters: Any, field: str = "", keys: Sequence[str] = KEYS) -> Iterator[Complaint]:
    """About the keys of TLS; `field` is named instead of the key where they are in a block. `keys`
    only make sense with TLS."""
    for key in keys:
        if getattr(parameters, key) and not parameters.tls:
            yield Complaint(field=field or key, message=f"`{key}` without `tls: true`")
    yield from of_authorities(parameters, field)


def of_https(parameters: Any, *, https: bool, field: str = "") -> Iterator[Complaint]:
    """The same where the scheme turns TLS on. `ca` may be for a redirect."""
    for key in ("ca_from", "client_certificate"):
        if getattr(parameters, key) and not https:
            yield Complaint(field=field or key, message=f"`{key}` requires https", expected="https")
    yield from of_authorities(parameters, field)


def of_authorities(parameters: Any, field: str = "") -> Iterator[Complaint]:
    """About `ca` and `ca_from`."""
    if parameters.ca and parameters.ca_from:
        yield Complaint(field=field or "ca_from", message="there is also a `ca`",
                        expected="one of them")  # fmt: skip
    if parameters.ca_from and not (parameters.ca_from.configmap or parameters.ca_from.secret):
        yield Complaint(field=field or "ca_from", message="`ca_from` names no source",
                        expected="`{configmap: NAME}` or `{secret: NAME}`")  # fmt: skip


def rights(parameters: Any, namespace: str) -> Sequence[Right]:
    """Permissions to read the ConfigMap and the Secrets, each by name."""
    source, own = parameters.ca_from, parameters.client_certificate
    secrets = [own.secret] if own else []
    secrets += [source.secret] if source else []
    maps = [source.configmap] if source else []
    return [Right(verb="get", group="", resource=kind, namespace=namespace, name=name)
            for kind, names in (("secrets", secrets), ("configmaps", maps))
            for name in names if name]  # fmt: skip


def read(parameters: Any, cluster: Cluster, namespace: str, directory: Path, name: str) -> Trust:
    """What the keys say; `name` is what clients call the server. Unusable where a text cannot be
    used, NoSecretValue where an object or its key is missing."""
    held = trusted(parameters.ca_from, cluster, namespace) if parameters.ca_from else ""
    if parameters.ca:
        try:
            held = (directory / parameters.ca).read_text("ascii", "replace")
        except OSError as error:
            raise Unusable(f"`ca` cannot be read: {error}") from error
    own = parameters.client_certificate
    # A certificate and SNI have no final dot (RFC 6066, section 3), which ends a search list.
    expected = getattr(parameters, "server_name", "") or name
    made = Trust(name=expected.rstrip("."), authorities=held,
                 client=pair(own.secret, cluster, namespace) if own else "")  # fmt: skip
    made.context()
    return made


def trusted(authorities: Authorities, cluster: Cluster, namespace: str) -> str:
    """Their PEM text. A text that OpenSSL cannot read is not the server's fault, so it is Unusable
    here."""
    key = authorities.key
    if authorities.secret:
        where = f"Secret {namespace}/{authorities.secret}"
        (text,) = _in_secret(authorities.secret, [key], cluster, namespace, public=[key])
    else:
        where = f"ConfigMap {namespace}/{authorities.configmap}"
        text = _in_map(authorities.configmap, key, cluster, namespace)
    try:
        ssl.create_default_context(cadata=text)
    except (ssl.SSLError, ValueError) as error:
        raise Unusable(f"{where}, key {key!r}, holds no certificates as PEM: {error}") from error
    return text


def pair(name: str, cluster: Cluster, namespace: str) -> str:
    """Certificate and key as one PEM text."""
    certificate, key = _in_secret(name, PAIR, cluster, namespace, public=[PAIR[0]])
    return f"{certificate.strip()}\n{key.strip()}\n"


def _in_map(name: str, key: str, cluster: Cluster, namespace: str) -> str:
    """The value; NoSecretValue as for a Secret."""
    where = f"ConfigMap {namespace}/{name}"
    try:
        data: Mapping[str, Any] = cluster.get(CONFIGMAPS, name, namespace).get("data") or {}
    except ClusterError as error:
        raise NoSecretValue(f"{where}: {error}") from error
    if key not in data:
        known = ", ".join(sorted(data)) or "nothing"
        raise NoSecretValue(f"{where} has no key {key!r}; it has: {known}")
    return str(data[key])


def _in_secret(
    name: str, keys: Sequence[str], cluster: Cluster, namespace: str, public: Sequence[str]
) -> list[str]:
    found = secret_values(cluster, namespace, name)
    return [found.value(key, public=key in public).decode("ascii", "replace") for key in keys]
