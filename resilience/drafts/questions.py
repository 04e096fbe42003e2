"""What a Service answers now: requests go through the API server, so that nothing is created in the
cluster.

One GET for each path that a probe of its Pods names, then for /. A baseline repeats the good
question and keeps the times. The way through the API server is longer than a client's, so measured
times are upper bounds.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

from resilience.audit.base.workloads import Workload, listed, mapping
from resilience.cluster.errors import ApiError, ClusterError
from resilience.kube import objects
from resilience.kube.objects import Object

TIMEOUT = 5.0
GOOD = frozenset({*range(200, 300), 401, 403})
"""Statuses that show a working service; one that requires authentication works as well."""

PROBES = ("readinessProbe", "livenessProbe", "startupProbe")


class Asked(Protocol):
    """A cluster whose Services can be reached through its API server."""

    def answered(self, path: str, *, timeout: float = ...) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One request that a Service answered with `status`; 0: no request was sent, or it does not
    speak HTTP."""

    service: str
    port: int
    scheme: str = "http"
    path: str = "/"
    status: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """`good` of `asked` requests answered as expected; `p95` is in seconds, 0 without any."""

    asked: int
    good: int
    p95: float


def candidates(service: Object, behind: Sequence[Workload]) -> Iterator[Question]:
    """Requests worth sending, the most meaningful first: the paths that the kubelet probes must
    answer."""
    name = objects.name(service)
    for port in listed(mapping(service, "spec"), "ports"):
        number = port.get("port")
        if port.get("protocol", "TCP") != "TCP" or not isinstance(number, int):
            continue
        secure = number in (443, 8443) or "https" in str(port.get("name") or "")
        paths = [path for each in behind for path in _paths(each)]
        for path in dict.fromkeys([*paths, "/"]):
            yield Question(
                service=name, port=number, path=path, scheme="https" if secure else "http"
            )


def _paths(workload: Workload) -> Iterator[str]:
    for container in workload.containers:
        for probe in PROBES:
            path = mapping(container, probe, "httpGet").get("path")
            if isinstance(path, str) and path.startswith("/") and " " not in path:
                yield path


def ask(cluster: Asked, namespace: str, questions: Sequence[Question]) -> Question | None:
    """The first request with a good answer, else the first one whose port may use another protocol,
    with the reason; None if there is nothing to request."""
    said = ""
    for each in questions:
        try:
            status = cluster.answered(path_of(namespace, each), timeout=TIMEOUT)
        except ApiError as error:
            said = said or f"the API server says {error.code}"
        except ClusterError as error:
            said = said or str(error)
        else:
            if status in GOOD:
                return _with(each, status, "")
            said = said or f"{each.path} answered {status}"
    return _with(questions[0], 0, said) if questions else None


def _with(question: Question, status: int, reason: str) -> Question:
    return Question(
        service=question.service,
        port=question.port,
        scheme=question.scheme,
        path=question.path,
        status=status,
        reason=reason,
    )


def path_of(namespace: str, question: Question) -> str:
    """The API server's path to it."""
    secure = "https:" if question.scheme == "https" else ""
    target = quote(f"{secure}{question.service}:{question.port}", safe=":")
    return f"/api/v1/namespaces/{namespace}/services/{target}/proxy{question.path}"


def baseline(
    cluster: Asked,
    namespace: str,
    question: Question,
    seconds: float,
    *,
    every: float = 0.1,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Baseline:
    """Send requests for this many seconds, at most ten per second."""
    began, taken, asked = clock(), list[float](), 0
    while (now := clock()) < began + seconds:
        asked += 1
        try:
            status = cluster.answered(path_of(namespace, question), timeout=TIMEOUT)
        except ClusterError:
            status = 0
        if status == question.status:
            taken.append(clock() - now)
        sleep(max(0.0, every - (clock() - now)))
    return Baseline(asked=asked, good=len(taken), p95=_p95(taken))


def _p95(taken: Sequence[float]) -> float:
    ordered = sorted(taken)
    return ordered[math.ceil(0.95 * len(ordered)) - 1] if ordered else 0.0
