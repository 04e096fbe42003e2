"""What a kubelet's own limits spoil is no result of a probe."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from resilience.sandbox.kubelet.probes import probe, probing
from resilience.sandbox.kubelet.probes.probe import Result
from resilience.sandbox.kubelet.probes.probing import Probing

FULL = OSError(errno.EMFILE, "Too many open files")
REFUSED = Result(False, "connection refused")


class FakeHealth:
    """Sick from the first error on, for as many questions as `questions` says."""

    def __init__(self, questions: int = 0) -> None:
        self._left = questions
        self.errors: list[BaseException] = []

    @property
    def sick(self) -> bool:
        self._left -= 1
        return self._left >= 0

    def suffers(self, error: BaseException) -> bool:
        self.errors.append(error)
        return isinstance(error, OSError) and error.errno == errno.EMFILE


def attempted(
    monkeypatch: pytest.MonkeyPatch, health: FakeHealth, *results: Result | BaseException
) -> Result:
    answers: Iterator[Result | BaseException] = iter(results)

    async def attempt(container: Any, spec: Any, timeout: float) -> Result:
        answer = next(answers)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    monkeypatch.setattr(probing, "UNABLE", 0.0)
    monkeypatch.setattr(probing, "attempt", attempt)
    container: Any = SimpleNamespace(pod=SimpleNamespace(kubelet=SimpleNamespace(health=health)))
    return asyncio.run(Probing(container)._attempt({}, 1.0))


def test_an_attempt_that_could_not_be_made_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    health = FakeHealth()
    assert attempted(monkeypatch, health, FULL, FULL, Result(True)) == Result(True)
    assert health.errors == [FULL, FULL]


def test_a_failure_counts_only_when_the_kubelet_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    late = Result(False, "context deadline exceeded")
    assert attempted(monkeypatch, FakeHealth(2), late, late, REFUSED) == REFUSED
    assert attempted(monkeypatch, FakeHealth(2), Result(True)) == Result(True)


def test_any_other_error_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OSError, match="broken"):
        attempted(monkeypatch, FakeHealth(), OSError(errno.EIO, "broken"))


@pytest.mark.parametrize("kind", [probe.http, probe.tcp])
def test_a_probe_tells_a_limit_from_an_answer(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: Any, **__: Any) -> Any:
        raise FULL

    monkeypatch.setattr(asyncio, "open_connection", refuse)
    with pytest.raises(OSError, match="Too many open files"):
        asyncio.run(kind({"port": 80, "path": "/"}, {"name": "c"}, "127.0.0.1", 0, 1.0))
