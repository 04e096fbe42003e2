"""A command that has to wait for a lock says whom it waits for."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from resilience.cluster.errors import ServerTrouble
from resilience.cluster.requests.request import Middleware, Request
from resilience.commands import CommandError, admission
from resilience.engine.guard import consent, locks
from resilience.model.step_reach import Reach
from resilience.verbs.context import Refused


def test_a_lock_wait_says_whom_it_waits_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def acquire(self: locks.Locks, within: float, known_dead: Any = ()) -> None:
        self._tell("waiting for namespace-shop, held by run 1 of mary@host")
        raise Refused("namespace-shop is held by run 1 of mary@host")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(locks.Locks, "acquire", acquire)
    monkeypatch.setattr(locks, "ensure_namespace", lambda cluster, namespace: None)
    monkeypatch.setattr(consent, "books", lambda cluster, namespace: cluster)
    agreed: Any = SimpleNamespace(reach=Reach(namespaces=frozenset({"shop"})))
    cluster: Any = SimpleNamespace(through=lambda wait: None)
    with pytest.raises(CommandError, match="held by run 1 of mary@host"):
        with admission._locked(cluster, agreed, "restore one"):
            raise AssertionError("the lock was never taken")
    assert "waiting for namespace-shop, held by run 1 of mary@host" in capsys.readouterr().err


def test_the_namespace_of_the_locks_is_made_though_the_api_server_answers_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits, answers = list[Middleware](), [ServerTrouble(500, "leader changed"), {"kind": "Done"}]

    def through(wait: Middleware) -> str:
        waits.append(wait)
        return "patient"

    def send(request: Request) -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def made(cluster: str, namespace: str) -> None:
        assert cluster == "patient"
        [wait] = waits
        assert wait(Request("POST", "/api/v1/namespaces"), send) == {"kind": "Done"}
        raise Refused("the end of this test")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(locks, "ensure_namespace", made)
    monkeypatch.setattr(consent, "books", lambda cluster, namespace: cluster)
    agreed: Any = SimpleNamespace(reach=Reach(namespaces=frozenset({"shop"})))
    cluster: Any = SimpleNamespace(through=through)
    with pytest.raises(CommandError, match="the end of this test"):
        with admission._locked(cluster, agreed, "restore one"):
            raise AssertionError("the lock was never taken")
    assert not answers
