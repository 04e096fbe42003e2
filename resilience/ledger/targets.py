"""Where a ledger writes, as in the scenario, and in the form that the journal keeps for the
cleanup."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from resilience.cluster.interface import DAEMONSETS, DEPLOYMENTS, REPLICASETS, STATEFULSETS
from resilience.kube.selectors import Selector
from resilience.ledger.drivers import trust
from resilience.ledger.drivers.session import Credential
from resilience.ledger.drivers.trust import Authorities, ClientCertificate
from resilience.model import references
from resilience.model.masks import MASKS
from resilience.model.verb import Complaint, parameter

MAKERS = (DEPLOYMENTS, STATEFULSETS, DAEMONSETS, REPLICASETS)
"""What can bring the Pods of an `ExecTarget` back."""

SERVICE_DOC = "The Service of the store."
HOST_DOC = "The host of a store outside the cluster."


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpTarget:
    """Any HTTP service that stores values and returns them."""

    service: str = parameter(SERVICE_DOC, default="", example="orders", one_of="place")
    host: str = parameter(HOST_DOC, default="", example="orders.example.com", one_of="place")
    port: int | str = parameter("Port, by name or number.", default="", example="http")
    namespace: str = parameter("Namespace of the Service, if not the scenario's.", default="")
    scheme: Literal["http", "https"] = parameter("The scheme of the requests.", default="http")
    put: str = parameter(
        "Path of a write, with `{key}` where the key goes, and `{value}` if it goes there.",
        example="/kv/{key}",
    )
    get: str = parameter(
        "Path that returns one key; a 404 means that the key does not exist.", default="",
        example="/kv/{key}",
    )  # fmt: skip
    list: str = parameter(
        "Path that returns everything, in any format; `{prefix}` begins each key of the run.",
        default="", example="/kv?prefix={prefix}",
    )  # fmt: skip
    delete: str = parameter(
        "Path for a DELETE that removes a key; without it the writes stay.", default="",
        example="/kv/{key}",
    )  # fmt: skip
    method: Literal["PUT", "POST", "PATCH"] = parameter("Method of a write.", default="PUT")
    body: str = parameter("Body of a write.", default="{value}", example='{"id": "{key}"}')
    headers: Mapping[str, str] = parameter("Headers to send.", default_factory=dict)
    status: tuple[int, ...] = parameter(
        "The statuses that acknowledge a write.", default=(200, 201, 202, 204)
    )
    answered_by: str = parameter(
        "Response header with the name of the Pod that acknowledged.", default="x-pod-name"
    )
    ca: Path | None = trust.ca()
    ca_from: Authorities | None = trust.ca_from()
    client_certificate: ClientCertificate | None = trust.client_certificate()


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisTarget:
    """A Redis, Valkey or KeyDB; needs the extra `redis`."""

    service: str = parameter(SERVICE_DOC, default="", example="cache", one_of="place")
    host: str = parameter(HOST_DOC, default="", one_of="place")
    port: int | str = parameter("Port, by name or number.", default=6379)
    namespace: str = parameter("Namespace of the Service, if not the scenario's.", default="")
    database: int = parameter("Number of the database.", default=0, at_least=0)
    username: str = parameter("Name to log in with.", default="")
    password: Credential | None = parameter("Source of the password.", default=None)
    wait: int = parameter(
        "How many replicas must have a write before it counts as acknowledged.",
        default=0, at_least=0,
    )  # fmt: skip
    tls: bool = trust.tls()
    ca: Path | None = trust.ca()
    ca_from: Authorities | None = trust.ca_from()
    server_name: str = trust.server_name()
    client_certificate: ClientCertificate | None = trust.client_certificate()


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresTarget:
    """A PostgreSQL; needs the extra `postgres`. The rows go to a table of the run's own."""

    service: str = parameter(SERVICE_DOC, default="", example="db", one_of="place")
    host: str = parameter(HOST_DOC, default="", one_of="place")
    port: int | str = parameter("Port, by name or number.", default=5432)
    namespace: str = parameter("Namespace of the Service, if not the scenario's.", default="")
    database: str = parameter("Name of the database.", default="postgres")
    user: str = parameter("Role to log in as.", default="postgres")
    password: Credential | None = parameter("Source of the password.", default=None)
    settings: Mapping[str, str] = parameter(
        "Run-time parameters of each session.", default_factory=dict,
        example="{synchronous_commit: remote_apply}",
    )  # fmt: skip
    tls: bool = trust.tls()
    ca: Path | None = trust.ca()
    ca_from: Authorities | None = trust.ca_from()
    server_name: str = trust.server_name()
    client_certificate: ClientCertificate | None = trust.client_certificate()


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Target:
    """A bucket; credentials come from the AWS chain."""

    bucket: str = parameter("The bucket.", example="orders")
    prefix: str = parameter("What the keys begin with.", default="", example="ledger/")
    endpoint: str = parameter("URL of the service, if not AWS.", default="")
    region: str = parameter("Region of the bucket.", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecTarget:
    """Commands in a ready Pod. The arguments contain `{key}`, `{value}` and `{prefix}`."""

    pods: Selector = parameter("Pods that the commands run in.", example="app=etcd")
    container: str = parameter("The container; the Pod's first by default.", default="")
    put: tuple[str, ...] = parameter(
        "Command that writes.", at_least=1, example="[redis-cli, set, '{key}', '{value}']"
    )
    get: tuple[str, ...] = parameter(
        "Command that prints one value, or nothing.",
        default=(),
        example="[redis-cli, get, '{key}']",
    )
    list: tuple[str, ...] = parameter("Command that prints all keys and values.", default=())
    delete: tuple[str, ...] = parameter(
        "Command that deletes a key; without it the writes stay.", default=()
    )


Target = HttpTarget | RedisTarget | PostgresTarget | S3Target | ExecTarget

KINDS: Mapping[str, type[Target]] = {
    "http": HttpTarget,
    "redis": RedisTarget,
    "postgres": PostgresTarget,
    "s3": S3Target,
    "exec": ExecTarget,
}


BLOCKS: Mapping[str, Callable[..., Any]] = {
    "password": Credential,
    "ca_from": Authorities,
    "client_certificate": ClientCertificate,
}
"""Keys whose value has keys of its own."""


def kind(target: Target) -> str:
    """The scenario key of the target."""
    return next(name for name, cls in KINDS.items() if isinstance(target, cls))


def where(target: Target) -> str:
    """For people: `http orders`, `s3 bucket`."""
    if isinstance(target, S3Target):
        return f"s3 {target.bucket}/{target.prefix}"
    if isinstance(target, ExecTarget):
        return f"{target.put[0]} in Pods {target.pods}"
    return f"{kind(target)} {target.service or target.host}"


def cleans(target: Target) -> bool:
    """Whether the run's writes can be deleted."""
    return bool(target.delete) if isinstance(target, HttpTarget | ExecTarget) else True


def complaints(target: Target) -> Iterator[Complaint]:
    """What is contradictory in the parameters."""
    if isinstance(target, HttpTarget | RedisTarget | PostgresTarget):
        yield from _place(target)
    if isinstance(target, HttpTarget | ExecTarget):
        yield from _reading(target)
    if isinstance(target, RedisTarget | PostgresTarget):
        yield from trust.complaints(target, kind(target))
    if isinstance(target, HttpTarget):
        yield from trust.of_https(target, https=target.scheme == "https", field="http")
    password = getattr(target, "password", None)
    if password is not None and not (password.env or password.secret):
        yield Complaint(field=kind(target), message="`password` does not say where to read the "
                                                    "value",
                        expected="`{env: NAME}` or `{secret: NAME, key: KEY}`")  # fmt: skip


def _place(target: HttpTarget | RedisTarget | PostgresTarget) -> Iterator[Complaint]:
    field = kind(target)
    if not (target.service or target.host):
        yield Complaint(field=field, message="nowhere to write", expected="`service` or `host`")
    usual = isinstance(target, HttpTarget) and target.port == ""
    numbered = isinstance(target.port, int) and 0 < target.port < 65536
    if target.host and not (usual or numbered):
        yield Complaint(field=field, message="a `host` needs the number of a port",
                        expected="1 to 65535")  # fmt: skip
    if "://" in target.host:
        yield Complaint(field=field, message=f"`host` is {target.host!r}",
                        expected="a name or an address")  # fmt: skip


def _reading(target: HttpTarget | ExecTarget) -> Iterator[Complaint]:
    field = kind(target)
    if not (target.get or target.list):
        yield Complaint(field=field, message="the writes could never be read",
                        expected="`list` or `get`")  # fmt: skip
    if target.delete and not target.list:
        yield Complaint(field=field, message="`delete` needs `list`, which says what to delete",
                        expected="`list`")  # fmt: skip
    written = [target.put] if isinstance(target, HttpTarget) else list(target.put)
    written += [target.body] if isinstance(target, HttpTarget) else []
    text = " ".join(written)
    for name in ("{value}", "{key}"):
        if name not in text and not (name == "{key}" and "{value}" in text):
            yield Complaint(field=field, message=f"a write without `{name}`",
                            expected=f"`{name}` in its path, body or arguments")  # fmt: skip


def to_json(target: Target) -> dict[str, Any]:
    """For the journal; it holds references to secrets, never one: `${NAME}` for a value of the
    environment. A header that is written out may be a credential, and is left out."""
    secrets = MASKS.secrets()
    told: dict[str, Any] = references.in_texts(
        _plain(target), lambda text: references.referring(text, secrets)
    )
    if "headers" in told:
        told["headers"] = {name: text for name, text in told["headers"].items()
                           if references.named_in(text)}  # fmt: skip
    return {"kind": kind(target), **told}


def _plain(target: Target) -> dict[str, Any]:
    told = dataclasses.asdict(target)
    for name, value in told.items():
        if isinstance(value, Path):
            told[name] = str(value)
    if isinstance(target, ExecTarget):
        told["pods"] = str(target.pods)
    return told


def leads_out(told: Mapping[str, Any]) -> str:
    """What the record of a target would use outside of the cluster; "" if nothing."""
    if told["kind"] == "s3":
        return f"bucket {told['bucket']}"
    if told.get("host"):
        return f"host {told['host']}"
    password = told.get("password") or {}
    needed = [str(password["env"])] if password.get("env") else references.named_in(told)
    return f"the environment variable {needed[0]}" if needed else ""


def from_json(told: Mapping[str, Any]) -> Target:
    """What `to_json` made, except for headers that are written out. NotSet where a value of the
    environment is missing."""
    told = references.in_texts(told, partial(references.resolved, environment=os.environ))
    fields: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value
              for name, value in told.items() if name != "kind"}  # fmt: skip
    for name, made_of in BLOCKS.items():
        if fields.get(name):
            fields[name] = made_of(**fields[name])
    if fields.get("ca"):
        fields["ca"] = Path(fields["ca"])
    if told["kind"] == "exec":
        fields["pods"] = Selector.parse(fields["pods"])
    made: Target = KINDS[told["kind"]](**fields)
    return made
