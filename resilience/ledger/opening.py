"""From a target to sessions: where the store is, which secrets it takes, which driver it needs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from resilience.cluster.access.secret_values import NoSecretValue, secret_values
from resilience.cluster.errors import ClusterError, NeverSent, NotFound
from resilience.cluster.interface import PODS, Cluster
from resilience.cluster.reach import authority, service_port
from resilience.cluster.requests.command import Command
from resilience.kube import objects, readiness
from resilience.ledger.drivers.exec_driver import ExecStore
from resilience.ledger.drivers.http_driver import HttpStore
from resilience.ledger.drivers.postgres_driver import PostgresStore
from resilience.ledger.drivers.redis_driver import RedisStore
from resilience.ledger.drivers.s3_driver import S3Store
from resilience.ledger.drivers.session import (
    Credential,
    Open,
    Place,
    Refresh,
    Refused,
    Unclear,
    Unusable,
)
from resilience.ledger.drivers.trust import Trust, read
from resilience.ledger.targets import (
    ExecTarget,
    HttpTarget,
    PostgresTarget,
    RedisTarget,
    S3Target,
    Target,
)
from resilience.model.masks import MASKS

FRESH = 5.0
"""Seconds for which a Service's address is cached."""

Address = Callable[[str, str | int, str], tuple[str, int]]


class Around(Protocol):
    """The part of a context that opening a ledger uses."""

    @property
    def cluster(self) -> Cluster: ...


def opening(
    target: Target, around: Around, address: Address, *,
    namespace: str, start: str, timeout: float, directory: Path,
) -> Open:  # fmt: skip
    """How sessions are opened. `namespace` is where the target is; `directory` is what its paths
    begin at."""
    password = getattr(target, "password", None)
    secrets = {} if password is None else {"password": secret(password, around.cluster, namespace)}
    place = Place(start=start, timeout=timeout, secrets=secrets,
                  address=_address(target, address, namespace))  # fmt: skip
    if isinstance(target, HttpTarget):
        return _http(target, place, namespace, _named(target, around, namespace),
                     _trust(target, around.cluster, namespace, directory))  # fmt: skip
    if isinstance(target, RedisTarget):
        return RedisStore(
            place=place, database=target.database, username=target.username, wait=target.wait,
            trust=_trust(target, around.cluster, namespace, directory),
        )  # fmt: skip
    if isinstance(target, PostgresTarget):
        return PostgresStore(
            place=place, database=target.database, user=target.user,
            settings=dict(target.settings),
            trust=_trust(target, around.cluster, namespace, directory),
        )  # fmt: skip
    if isinstance(target, S3Target):
        return S3Store(place=place, bucket=target.bucket, prefix=target.prefix,
                       endpoint=target.endpoint, region=target.region)  # fmt: skip
    return ExecStore(place=place, run=_commands(target, around.cluster, namespace, timeout),
                     put=target.put, get=target.get, list=target.list,
                     delete=target.delete)  # fmt: skip


def secret(credential: Credential, cluster: Cluster, namespace: str) -> str:
    """The value behind a reference, masked from here on; Unusable where there is none."""
    if credential.env:
        if credential.env not in os.environ:
            raise Unusable(f"the environment variable {credential.env} is not set")
        MASKS.take(credential.env, os.environ[credential.env])
        return os.environ[credential.env]
    try:
        found = secret_values(cluster, namespace, credential.secret).value(credential.key)
    except NoSecretValue as error:
        raise Unusable(str(error)) from error
    try:
        return found.decode()
    except ValueError as error:
        raise Unusable(f"Secret {namespace}/{credential.secret}, key {credential.key!r}, holds no "
                       "text in UTF-8") from error  # fmt: skip


def _trust(
    target: HttpTarget | RedisTarget | PostgresTarget, cluster: Cluster, namespace: str,
    directory: Path,
) -> Trust | None:  # fmt: skip
    """None without TLS; Unusable where it cannot be read."""
    if not (target.scheme == "https" if isinstance(target, HttpTarget) else target.tls):
        return None
    named = f"{target.service}.{namespace}" if target.service else target.host
    try:
        return read(target, cluster, namespace, directory, named)
    except NoSecretValue as error:
        raise Unusable(str(error)) from error


def _named(target: HttpTarget, around: Around, namespace: str) -> int:
    """The port that clients write behind the host's name; the usual one where there is no such
    Service, as a session will find out."""
    usual = 443 if target.scheme == "https" else 80
    if not target.service:
        return int(target.port or usual)
    try:
        return service_port(around.cluster, target.service, target.port, namespace)
    except ClusterError:
        return usual


def _http(
    target: HttpTarget, place: Place, namespace: str, port: int, trust: Trust | None
) -> HttpStore:
    host = target.host or f"{target.service}.{namespace}"
    return HttpStore(
        place=place, put=target.put, get=target.get, list=target.list,
        delete=target.delete, method=target.method, body=target.body, headers=target.headers,
        status=target.status, by_header=target.answered_by, host=host,
        authority=authority(host, port, tls=target.scheme == "https"),
        trust=trust,
    )  # fmt: skip


def _address(target: Target, address: Address, namespace: str) -> Refresh:
    service = getattr(target, "service", "")
    port = getattr(target, "port", "")
    if not service:
        usual = 443 if getattr(target, "scheme", "") == "https" else 80
        fixed = getattr(target, "host", ""), int(port or usual)
        return lambda: fixed
    known: tuple[float, tuple[str, int]] | None = None

    def ask() -> tuple[str, int]:
        nonlocal known
        now = time.monotonic()
        if known is not None and now - known[0] < FRESH:
            return known[1]
        try:
            known = now, address(service, port, namespace)
        except ClusterError as error:
            if known is None:
                raise Refused(f"Service {namespace}/{service}: {error}") from error
        return known[1]

    return ask


def _commands(
    target: ExecTarget, cluster: Cluster, namespace: str, timeout: float
) -> Callable[[Sequence[str]], tuple[int, str, str]]:
    def run(command: Sequence[str]) -> tuple[int, str, str]:
        try:
            pods = cluster.list(PODS, namespace, labels=str(target.pods))
        except ClusterError as error:
            raise Refused(str(error)) from error
        ready = [pod for pod in pods if readiness.serves(pod)]
        if not ready:
            raise Refused(f"none of {len(pods)} Pods {target.pods} is ready")
        name = objects.name(ready[0])
        try:
            result = cluster.exec(
                Command(namespace=namespace, pod=name, words=tuple(command),
                        container=target.container, timeout=timeout)
            )  # fmt: skip
        except (NeverSent, NotFound) as error:
            raise Refused(str(error)) from error
        except ClusterError as error:
            raise Unclear(str(error)) from error
        said = result.stdout.decode("utf-8", "replace")
        return result.code, said or result.stderr.decode("utf-8", "replace"), name

    return run
