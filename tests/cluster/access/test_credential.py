"""A credential that is no longer taken is read anew, and what was refused is sent once more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from resilience.cluster.access.access import load
from resilience.cluster.access.credential import PAUSE, Credential
from resilience.cluster.errors import ClusterError, Forbidden
from resilience.cluster.interface import PODS
from resilience.cluster.transport import HttpCluster
from tests.cluster.access.test_access import kubeconfig
from tests.cluster.faulty import Asked, FaultyServer, Line, reply, status

POD = "/api/v1/namespaces/shop/pods/a"


def doorman(good: Callable[[], str]) -> Callable[[Asked, Line], None]:
    """Lets in who bears that token, and nobody else."""

    def behave(asked: Asked, line: Line) -> None:
        known = asked.headers["authorization"] == f"Bearer {good()}"
        answer = {"kind": "Pod"} if known else status(401, "Unauthorized", "Unauthorized")
        reply(answer, 200 if known else 401)(asked, line)

    return behave


def opened(server: FaultyServer, folder: Path, user: dict[str, Any]) -> HttpCluster:
    file = kubeconfig(folder / "config", user=user, cluster={"server": server.url})
    return HttpCluster(load("one", str(file)))


def test_a_token_file_that_rotates_while_we_run_is_read_again(
    server: FaultyServer, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    valid = ["first"]
    server.on(f"GET {POD}", doorman(lambda: valid[0]))
    with opened(server, tmp_path, {"tokenFile": str(file)}) as cluster:
        cluster.get(PODS, "a", "shop")
        file.write_text("second\n")
        valid[0] = "second"
        cluster.get(PODS, "a", "shop")
        cluster.get(PODS, "a", "shop")
    assert len(server.asked) == 4  # one of them was refused


def test_an_exec_plugin_that_names_no_expiry_is_asked_again_after_a_refusal(
    server: FaultyServer, tmp_path: Path
) -> None:
    file, script = tmp_path / "token", tmp_path / "plugin"
    file.write_text("first")
    script.write_text(
        '#!/bin/sh\necho \'{"apiVersion": "client.authentication.k8s.io/v1", "kind":'
        f' "ExecCredential", "status": {{"token": "\'$(cat {file})\'"}}}}\'\n'
    )
    script.chmod(0o755)
    server.on(f"GET {POD}", doorman(file.read_text))
    user = {"exec": {"command": str(script), "apiVersion": "client.authentication.k8s.io/v1"}}
    with opened(server, tmp_path, user) as cluster:
        cluster.get(PODS, "a", "shop")
        file.write_text("second")
        assert cluster.get(PODS, "a", "shop")["kind"] == "Pod"


def test_a_kubeconfig_that_was_written_anew_is_read_again(
    server: FaultyServer, tmp_path: Path
) -> None:
    server.on(f"GET {POD}", doorman(lambda: "second"))
    with opened(server, tmp_path, {"token": "first"}) as cluster:
        kubeconfig(tmp_path / "config", user={"token": "second"}, cluster={"server": server.url})
        assert cluster.get(PODS, "a", "shop")["kind"] == "Pod"


def test_a_context_that_leads_elsewhere_by_now_gives_no_credential_to_the_old_server(
    server: FaultyServer, tmp_path: Path
) -> None:
    server.on(f"GET {POD}", doorman(lambda: "of another cluster"))
    with opened(server, tmp_path, {"token": "first"}) as cluster:
        elsewhere = {"server": "https://other.example"}
        kubeconfig(tmp_path / "config", user={"token": "of another cluster"}, cluster=elsewhere)
        with pytest.raises(Forbidden):
            cluster.get(PODS, "a", "shop")
    assert [asked.headers["authorization"] for asked in server.asked] == ["Bearer first"]


def test_who_is_not_known_is_told_to_log_in_again(server: FaultyServer, tmp_path: Path) -> None:
    server.on(f"GET {POD}", doorman(lambda: "another"))
    with opened(server, tmp_path, {"token": "old"}) as cluster, pytest.raises(Forbidden) as caught:
        cluster.get(PODS, "a", "shop")
    assert "does not take the credentials of context 'one'" in str(caught.value)
    assert "kubectl --context one auth whoami" in str(caught.value)
    assert len(server.asked) == 1


def test_a_credential_that_cannot_be_replaced_is_not_looked_for_at_each_request() -> None:
    looked: list[float] = []
    now = [0.0]

    def again() -> Callable[[], str]:
        looked.append(now[0])
        return lambda: "Bearer old"

    credential = Credential(lambda: "Bearer old", again, clock=lambda: now[0])
    for now[0] in (0.0, PAUSE - 0.1, PAUSE):
        assert not credential.renewed("Bearer old")
    assert looked == [0.0, PAUSE]


def test_whoever_was_refused_before_another_replaced_it_takes_what_there_is() -> None:
    loads: list[str] = []

    def again() -> Callable[[], str]:
        loads.append("")
        return lambda: "Bearer new"

    credential = Credential(lambda: "Bearer old", again)
    assert credential.renewed("Bearer old")
    assert credential.renewed("Bearer old")
    assert (credential(), len(loads)) == ("Bearer new", 1)


def test_a_kubeconfig_that_broke_meanwhile_leaves_the_refusal_as_it_is() -> None:
    def again() -> Callable[[], str]:
        raise ClusterError("no kubeconfig any more")

    assert not Credential(lambda: "Bearer old", again).renewed("Bearer old")
