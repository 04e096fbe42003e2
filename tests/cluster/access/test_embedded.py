"""The embedded sandbox as its owner sees it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from resilience.cluster import connect, open_context
from resilience.cluster.access import embedded
from resilience.cluster.access.embedded import SandboxFailed, sandbox
from resilience.cluster.connection.patience import chained, patient
from resilience.cluster.errors import Forbidden, ServerTrouble
from resilience.cluster.interface import NODES, Object
from resilience.cluster.requests.request import Request, Send
from resilience.sandbox.owner import supervisor
from tests.engine.fakes import FakeClock


def test_it_serves_for_the_time_of_the_block_and_leaves_nothing() -> None:
    with sandbox(nodes=2) as running:
        with connect(running.access) as cluster:
            assert [node["metadata"]["name"] for node in cluster.list(NODES)] == [
                "node-1",
                "node-2",
            ]
            assert cluster.is_sandbox
            assert cluster.resource("apps/v1", "Deployment").plural == "deployments"
        assert running.directory.is_dir()
    assert not running.directory.exists()


def test_a_sandbox_of_somebody_else_is_recognised_by_what_it_answers() -> None:
    with sandbox(nodes=1) as running:
        with open_context("", str(running.kubeconfig)) as cluster:
            assert cluster.is_sandbox
            assert cluster.context == "sandbox"


def test_what_a_context_is_is_asked_again_where_the_first_answer_fails() -> None:
    asked = list[str]()

    def troubled(request: Request, send: Send) -> Object:
        asked.append(request.path)
        if len(asked) == 1:
            raise ServerTrouble(503, "starting")
        return send(request)

    around = chained(patient(FakeClock(), 5.0, lambda text: None), troubled)
    with sandbox(nodes=1) as running:
        with open_context("", str(running.kubeconfig), around=around) as cluster:
            assert cluster.is_sandbox
    assert asked == ["/version", "/version"]


def test_a_wrong_token_is_forbidden_in_the_servers_words(tmp_path: Path) -> None:
    with sandbox(nodes=1) as running:
        text = running.kubeconfig.read_text()
        token = running.access.authorization().removeprefix("Bearer ")
        (tmp_path / "config").write_text(text.replace(token, "wrong"))
        with pytest.raises(Forbidden, match="Unauthorized"):
            with open_context("", str(tmp_path / "config")) as cluster:
                cluster.list(NODES)


def test_why_it_cannot_start_is_told_in_its_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setenv("TMPDIR", str(file))
    with pytest.raises(SandboxFailed) as caught:
        with sandbox():
            pass
    text = str(caught.value)
    assert text.startswith("the sandbox did not start: ")
    assert "Traceback" not in text
    assert os.linesep not in text


def test_the_sandbox_gives_up_before_its_owner_does_and_says_why() -> None:
    assert supervisor.START_DEADLINE < embedded.START_SECONDS
