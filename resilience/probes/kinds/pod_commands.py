"""The `command` probe at work: one command in the next ready Pod, and the judgement of its
result."""

from __future__ import annotations

import re
import time
from itertools import count
from typing import TYPE_CHECKING

from resilience.cluster.errors import (
    ApiError,
    ClusterError,
    Forbidden,
    NotFound,
    Throttled,
    Unreachable,
)
from resilience.cluster.interface import PODS, Cluster
from resilience.cluster.requests import command as exec_command
from resilience.kube import objects, readiness
from resilience.model.masks import ending, excerpt
from resilience.model.samples import Answer
from resilience.model.words import many
from resilience.probes.prober.asker import Never, Reply

if TYPE_CHECKING:
    from resilience.probes.kinds.command import Command

LONGEST = 1 << 20
"""Bytes of output that are read."""

_KUBELET_ABSENT = re.compile(r"error dialing backend: .*connection refused")
"""What the API server says of a kubelet that does not listen (apimachinery/pkg/util/proxy)."""

SHOWN = 80
"""Characters of output that a reason quotes."""


class PodCommands:
    """Runs the command from several threads at once; the ready Pods take turns."""

    def __init__(self, what: Command, cluster: Cluster, namespace: str) -> None:
        self._what, self._cluster, self._namespace = what, cluster, namespace
        self._matches = re.compile(what.matches)
        self._turn = count()

    def ask(self) -> Reply:
        """One command. A command that could not be sent to the API server is UNSENT."""
        try:
            pods = self._cluster.list(PODS, self._namespace, labels=str(self._what.pods))
        except Forbidden as error:
            raise Never(str(error)) from error
        except ClusterError as error:
            return Reply(Answer.UNSENT, f"the API server does not answer: {error}")
        ready = sorted(objects.name(pod) for pod in pods if readiness.serves(pod))
        if not ready:
            text = f"none of {many(len(pods), 'Pod')} with {self._what.pods} is ready"
            return Reply(Answer.UNREACHABLE, text)
        return self._in(ready[next(self._turn) % len(ready)])

    def _in(self, pod: str) -> Reply:
        said, errors = _Kept(), _Kept()
        wanted = exec_command.Command(
            namespace=self._namespace, pod=pod, words=self._what.command,
            container=self._what.container, timeout=self._what.timeout.seconds,
        )  # fmt: skip
        began = time.monotonic()
        try:
            result = self._cluster.exec(
                wanted, stdout=said.take, stderr=errors.take, cancelled=lambda: said.full
            )
        except exec_command.Cancelled:
            return Reply(Answer.WRONG, f"{pod}: more than {LONGEST >> 20} MiB of output", pod)
        except Forbidden as error:
            raise Never(str(error)) from error
        except (NotFound, Throttled, Unreachable, ApiError) as error:
            return self._failed(pod, error, time.monotonic() - began)
        return self._judged(pod, result.code, said.text, errors.text)

    def _failed(self, pod: str, error: ClusterError, took: float) -> Reply:
        """Whether the service or the connection is at fault. A Pod that is gone or no longer ready
        is a failure of the service; so is a missing answer while the API server itself answers. A
        stream that broke although the Pod is well says nothing about the command (kubectl calls it
        success: kubernetes/kubectl#1208, #1726). Nor does a kubelet that is being restarted: its
        node refuses the connection, and the Pod keeps running.
        """
        ready = None if isinstance(error, Throttled) else self._serves(pod)
        if ready is None:
            return Reply(Answer.UNSENT, f"the API server does not answer: {error}")
        if isinstance(error, ApiError):
            absent = ready and _KUBELET_ABSENT.search(error.message)
            answer = Answer.UNSENT if absent else Answer.UNREACHABLE
            return Reply(answer, f"{pod}: {error.message}", pod)
        if took >= self._what.timeout.seconds:
            return Reply(Answer.TIMEOUT, f"{pod}: {error}", pod)
        if not ready:
            return Reply(Answer.RESET, f"{pod}: {error}", pod)
        return Reply(Answer.UNSENT, f"{pod}: the result of the command is unknown: {error}", pod)

    def _serves(self, pod: str) -> bool | None:
        """Whether the Pod is ready; None if the API server does not answer."""
        try:
            pods = self._cluster.list(PODS, self._namespace, labels=str(self._what.pods))
        except ClusterError:
            return None
        return any(objects.name(each) == pod and readiness.serves(each) for each in pods)

    def _judged(self, pod: str, code: int, said: str, errors: str) -> Reply:
        what = self._what
        end = ending(errors or said, SHOWN)
        if code != what.code:
            text = f"{pod}: exit code {code}, expected {what.code}"
            return Reply(Answer.WRONG, f"{text}: {end}" if end else text, pod)
        text = said.strip()
        good = (not what.expect or text == what.expect.strip()) and what.contains in said
        if good and self._matches.search(said):
            return Reply(Answer.GOOD, by=pod)
        return Reply(Answer.WRONG, f"{pod}: printed {excerpt(text, SHOWN)!r}", pod)


class _Kept:
    """Output up to a limit."""

    def __init__(self) -> None:
        self._data = bytearray()
        self.full = False

    def take(self, data: bytes) -> None:
        self.full = self.full or len(self._data) + len(data) > LONGEST
        self._data += data[: LONGEST - len(self._data)]

    @property
    def text(self) -> str:
        return self._data.decode("utf-8", "replace")
