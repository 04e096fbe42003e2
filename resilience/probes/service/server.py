"""What probes of servers share: a Service or a host, a password by reference, a library."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resilience.cluster.access.secret_values import NoSecretValue
from resilience.ledger.drivers import trust
from resilience.ledger.drivers.session import Credential, Unusable, package
from resilience.ledger.opening import secret
from resilience.model.scenario import Step
from resilience.model.verb import Complaint, Right
from resilience.probes.complaints import of_agents, of_source, of_timeout
from resilience.probes.prober.asker import Never, Opened
from resilience.probes.prober.backing import doubt
from resilience.probes.prober.launch import Launch, asker_launcher
from resilience.probes.service import placement
from resilience.verbs.context import NotMet

if TYPE_CHECKING:
    from resilience.probes.prober.once import Asking
    from resilience.verbs.context import ProbeContext, RunningProbe


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where it is, as it was when the probe started (a ClusterIP stays), and its password."""

    host: str
    port: int
    password: str | None

    def address(self) -> tuple[str, int]:
        """(host, port)."""
        return self.host, self.port


NO_PASSWORD = "name one by `password: {env: NAME}` or `password: {secret: NAME}`"

Read = Callable[[Credential, Any, str], str]
"""Credential, context and namespace -> its value; NotMet if it cannot be read."""


def password(credential: Credential, context: Any, namespace: str) -> str:
    """As it stands there, masked from here on: a server may repeat it in what it answers."""
    try:
        found = secret(credential, context.cluster, namespace)
    except Unusable as error:
        raise NotMet(str(error), final=True, unknown=True) from error
    return found


def token(credential: Credential, context: Any, namespace: str) -> str:
    """A bearer token, fit for a header (RFC 6750: visible ASCII)."""
    try:
        found = secret(credential, context.cluster, namespace).strip()
    except Unusable as error:
        raise NotMet(f"the token: {error}", final=True, unknown=True) from error
    if not re.fullmatch(r"[!-~]+", found):
        raise NotMet("the token is empty or cannot be sent in a header; expected visible ASCII "
                     "without spaces", final=True, unknown=True)  # fmt: skip
    return found


@contextmanager
def in_cluster() -> Iterator[None]:
    """What is read in it for TLS; NotMet, and not final where an object or a key is missing: some
    are written by a controller. That says nothing about the service."""
    try:
        yield
    except NoSecretValue as error:
        raise NotMet(str(error), unknown=True) from error
    except Unusable as error:
        raise NotMet(str(error), final=True, unknown=True) from error


def secured(parameters: Any, context: Any) -> dict[str, Any] | None:
    """The TLS of a probe with the keys of `trust`, as its prober receives it; None without. The
    name in the certificate is what clients call the server, wherever its address leads."""
    if not parameters.tls:
        return None
    namespace = parameters.namespace or context.namespace
    named = f"{parameters.service}.{namespace}" if parameters.service else parameters.host
    return asdict(trusting(parameters, context, named))


def trusting(parameters: Any, context: Any, name: str) -> trust.Trust:
    """The same where the scheme turns TLS on; NotMet as `in_cluster` says."""
    namespace = parameters.namespace or context.namespace
    with in_cluster():
        return trust.read(parameters, context.cluster, namespace, context.directory, name)


def server(parameters: Any, context: Any, read: Read = password) -> Server:
    """The server of a probe with `service`, `host`, `port`, `namespace` and `password`; NotMet if
    the password cannot be read. `read` says what it has to be."""
    namespace = parameters.namespace or context.namespace
    host, port = parameters.host, parameters.port
    if parameters.service:
        host, port = context.address(parameters.service, port, namespace)
    held = read(parameters.password, context, namespace) if parameters.password else None
    return Server(host=host, port=int(port), password=held)


def library(name: str, extra: str) -> Any:
    """A driver's package; Never where it is not installed."""
    try:
        return package(name, extra)
    except Unusable as error:
        raise Never(str(error)) from error


def complaints(parameters: Any) -> Iterator[Complaint]:
    """Complaints about keys that contradict each other."""
    if not (parameters.service or parameters.host):
        yield Complaint(field="", message="nothing to ask", expected="`service` or `host`")
    if parameters.host and not (isinstance(parameters.port, int) and 0 < parameters.port < 65536):
        yield Complaint(field="port", message="a `host` needs the number of a port",
                        expected="1 to 65535")  # fmt: skip
    if "://" in parameters.host:
        yield Complaint(field="host", message=f"`host` is {parameters.host!r}",
                        expected="a name or an address; TLS is `tls: true`")  # fmt: skip
    yield from of_source("password", parameters.password)
    yield from of_timeout(parameters.timeout)
    yield from of_agents(parameters.agents, parameters.via)


def rights(parameters: Any, namespace: str, held: Credential | None) -> Sequence[Right]:
    """The rights of a probe with `service` and `namespace`: to find the Service, and to read the
    Secret of the password or token that it holds."""
    where = parameters.namespace or namespace
    return [*placement.service_right(parameters.service, where), *_secret_right(held, where)]


def asker_rights(parameters: Any, namespace: str, held: Credential | None) -> Sequence[Right]:
    """The same of a probe with `via`, and to run its prober in a Pod where that may be."""
    where = parameters.namespace or namespace
    own = [*_secret_right(held, where)]
    if hasattr(parameters, "client_certificate"):
        own += trust.rights(parameters, where)
    return placement.rights(parameters, namespace, own)


def _secret_right(held: Credential | None, namespace: str) -> Sequence[Right]:
    if not held or not held.secret:
        return []
    return [Right(verb="get", group="", resource="secrets", namespace=namespace, name=held.secret)]


def helpers(parameters: Any, namespace: str, cluster: Any) -> Sequence[Any]:
    """The Pod of its prober, if there will be one."""
    return placement.helpers(parameters, namespace, cluster, asks=True)


def launch(parameters: Any, context: Any, opened: Opened) -> Launch:
    """How its prober is started, beside the test or in a Pod."""
    where = parameters.namespace or context.namespace
    return asker_launcher(context, parameters.via, where, opened,
                          service=bool(parameters.service))  # fmt: skip


def run(
    step: Step, context: ProbeContext, given: Mapping[str, Any], target: str, opened: Opened
) -> RunningProbe:
    """Start asking, by one prober or by several."""
    from resilience.probes.fleet.fleet_probe import begin
    from resilience.probes.prober.program import ASKER

    asked = step.parameters
    facts = {key: given[key] for key in ("kind", "keepalive") if key in given}
    facts["via"] = asked.via
    behind = doubt(context, asked.service, asked.namespace)
    return begin(step, context, given, target, facts, lambda: launch(asked, context, opened),
                 behind, ASKER)  # fmt: skip


def ask(
    parameters: Any, context: Asking, given: Mapping[str, Any], target: str, opened: Opened
) -> str:
    """Ask once; NotMet unless the answer is good."""
    from resilience.probes.prober.once import ask_once

    behind = doubt(context, parameters.service, parameters.namespace)
    return ask_once(given, target, launch(parameters, context, opened), behind)


def readable(path: Path | None, directory: Path, field: str) -> bytes:
    """A file that the scenario names, so that its content can travel; b"" where it names none."""
    if path is None:
        return b""
    try:
        return (directory / path).read_bytes()
    except OSError as error:
        raise NotMet(f"`{field}` cannot be read: {error}", final=True) from error
