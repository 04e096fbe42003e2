"""A record that only the cluster's journal holds leads nowhere outside of the cluster: whoever may
write ConfigMaps there has neither our environment nor our network."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest

from resilience.actions.nodes import machines
from resilience.cluster.capabilities.means import Means
from resilience.cluster.interface import CONFIGMAPS, DEPLOYMENTS, NODES, SERVICES
from resilience.engine.journal import trust
from resilience.engine.journal.journal import Undo
from resilience.engine.journal.journal_configmap import NAMESPACE
from resilience.engine.journal.undo_context import Undoing
from resilience.machines.driven import DrivenMachines
from resilience.model.values import RunId
from resilience.verbs.context import ActionFailed, NotTrusted
from tests.engine.helpers import World, scaling
from tests.engine.journal.test_takeover import begun, forged, here, recovered, replicas, undo
from tests.machines.test_driven import Machine

__all__ = ["here"]

TOKEN = "ci-token-4711"


class Thief:
    """A server outside of the cluster; `heard` is what it was sent."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.heard = b""
        Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            with client:
                self.heard += client.recv(4096) or b"(connected)"

    def close(self) -> None:
        self._server.close()


@pytest.fixture
def thief(monkeypatch: pytest.MonkeyPatch) -> Iterator[Thief]:
    monkeypatch.setenv("CI_TOKEN", TOKEN)
    made = Thief()
    yield made
    made.close()


def ledger(target: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"target": target, "prefix": "x-1.orders.", "namespace": "shop", "timeout": 1.0,
            "directory": "/", **more}  # fmt: skip


def outside(thief: Thief) -> dict[str, Any]:
    return {"kind": "redis", "host": "127.0.0.1", "port": thief.port,
            "password": {"env": "CI_TOKEN", "secret": "", "key": ""}}  # fmt: skip


TARGETS: dict[str, tuple[dict[str, Any], str]] = {
    "a bucket": ({"kind": "s3", "bucket": "backups", "prefix": ""}, "bucket backups"),
    "a host": ({"kind": "http", "host": "example.invalid", "port": 80, "put": "/{key}",
                "list": "/", "delete": "/{key}"}, "host example.invalid"),
    "a password of ours": ({"kind": "redis", "service": "cache", "port": 6379,
                            "password": {"env": "CI_TOKEN"}}, "environment variable CI_TOKEN"),
    "a value of ours": ({"kind": "http", "service": "cache", "put": "/{key}", "port": 80,
                         "list": "/steal?t=${CI_TOKEN}", "delete": "/{key}"},
                        "environment variable CI_TOKEN"),
    "a Service that is elsewhere": ({"kind": "redis", "service": "away", "port": 6379},
                                    "host thief.example.com"),
}  # fmt: skip


@pytest.mark.parametrize(("target", "what"), TARGETS.values(), ids=TARGETS)
def test_a_ledger_of_the_clusters_word_alone_leads_nowhere_outside(
    here: World, thief: Thief, target: dict[str, Any], what: str
) -> None:
    away = {"type": "ExternalName", "externalName": "thief.example.com"}
    here.cluster.put(SERVICES, {"metadata": {"name": "away", "namespace": "shop"}, "spec": away})
    forged(here, begun(here), undo(here, verb="ledger", data=ledger(target)))
    [result], _ = recovered(here)
    assert f"its record leads to {'the ' * what.startswith('env')}{what}, and only the journal" in (
        result.left[0])  # fmt: skip
    assert not thief.heard


def test_neither_the_environment_nor_the_network_is_at_a_forged_journals_service(
    here: World, thief: Thief
) -> None:
    forged(here, begun(here), undo(here, verb="ledger", data=ledger(outside(thief))))
    [result], _ = recovered(here)
    assert "only the journal in the cluster says so" in result.left[0]
    assert not thief.heard


@pytest.mark.parametrize("changed", [False, True])
def test_a_record_is_trusted_where_the_runs_own_file_holds_the_same(
    here: World, thief: Thief, changed: bool
) -> None:
    line = undo(here, verb="ledger", data=ledger(outside(thief)))
    forged(here, begun(here), line)
    if changed:
        line = {**line, "data": ledger(outside(thief), namespace="other")}
    file = here.directory / "x-1.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in (begun(here), line)))
    recovered(here)
    assert (TOKEN.encode() in thief.heard) is not changed


def test_keys_of_others_are_never_a_ledgers(here: World) -> None:
    for start in ("", "orders.", "x-1.*.", "x-1.a.b", "x-10.orders."):
        target = {"kind": "redis", "service": "web", "port": 80}
        forged(here, begun(here), undo(here, verb="ledger", data=ledger(target, prefix=start)))
        [result], _ = recovered(here)
        assert f"its record names {start!r}, where no key of run x-1 begins" in result.left[0]


@pytest.mark.parametrize(
    ("verb", "data", "why"),
    [
        ("sleep", {"id": "7"}, "its record does not say where it acts, and only the journal"),
        ("reboot", {"namespace": "shop", "node": "n1"}, "it would act on node n1"),
    ],
)
def test_whatever_a_record_names_is_asked_for(
    here: World, verb: str, data: dict[str, Any], why: str
) -> None:
    forged(here, begun(here), undo(here, verb=verb, data=data))
    [result], _ = recovered(here)
    assert why in result.left[0]


@pytest.mark.parametrize("trusted", [True, False])
def test_a_machine_whose_node_is_gone_is_started_on_a_trusted_word_alone(
    here: World, trusted: bool
) -> None:
    machine = Machine()
    here.cluster.serve(NODES)
    here.cluster.as_real(Means(machines=DrivenMachines(machine, wait=lambda _: None)))
    data = {"node": "n9", "cordoned": False, "machine": {"name": "n9", "provider_id": "aws:///i-9"}}
    context = Undoing(cluster=here.cluster, run=RunId("x-1"), clock=here.clock,
                      deadline=here.clock.monotonic() + 1, trusted=trusted)  # fmt: skip
    why = "is not Ready" if trusted else "only the journal in the cluster says so"
    with pytest.raises(ActionFailed, match=why) as found:
        machines.undo(data, context)
    assert isinstance(found.value, NotTrusted) is not trusted
    assert [order for order, _ in machine.orders] == (["up"] if trusted else [])


@pytest.mark.parametrize(
    ("locks", "data", "refused"),
    [
        (["namespace-shop"], {}, False),
        (["nodes"], {}, True),
        (["nodes"], {"namespace": "", "node": "n"}, False),
        (["nodes"], {"namespace": "", "resource": {"plural": "nodes"}, "name": "n"}, False),
        (["cluster-scoped"], {"namespace": "", "resource": {"plural": "clusterroles"}}, False),
        (["nodes"], {"namespace": "", "resource": {"plural": "clusterroles"}}, True),
        (["nodes"], {"namespace": "", "resource": None}, False),
        (
            ["namespace-a", "namespace-shop"],
            {"resource": {"plural": "namespaces"}, "name": "a"},
            False,
        ),
        (["namespace-a"], {"resource": {"plural": "namespaces"}, "name": "a"}, True),
        (["namespace-shop"], {"resource": {"plural": "namespaces"}, "name": "a"}, True),
        (["nodes"], {"resource": {"plural": "namespaces"}, "name": "a", "node": "n"}, True),
        (["namespace-shop"], {"node": "n"}, True),
        (["namespace-shop", "nodes"], {"node": "n"}, False),
    ],
)
def test_an_undo_stays_within_the_locks_of_its_run(
    locks: list[str], data: dict[str, Any], refused: bool
) -> None:
    whole = {"namespace": "shop", "resource": {"plural": "deployments"}, "name": "web", **data}
    record = Undo(id="u1", verb="v", path="", data=whole, text="t")
    for trusted in (True, False):
        why = trust.refused(record, locks, trusted)
        assert why.endswith("which its locks do not cover") if refused else why == ""


STRANGE: dict[str, dict[str, Any]] = {
    "namespace": {"namespace": ["shop"]},
    "node": {"namespace": "", "node": {"a": 1}},
    "resource": {"resource": ["nodes"]},
    "plural": {"resource": {"plural": ["nodes"]}},
    "name": {"resource": {"plural": "namespaces"}, "name": {"a": 1}},
}


@pytest.mark.parametrize(("key", "data"), STRANGE.items())
def test_a_place_that_is_no_text_is_refused_and_stops_nothing_else(
    here: World, key: str, data: dict[str, Any]
) -> None:
    genuine = scaling(here.cluster.find(DEPLOYMENTS, "shop")[0], 3, 1)
    here.cluster.change(DEPLOYMENTS, "shop", "web", lambda o: o["spec"].update(replicas=1))
    hostile = {**undo(here, data={"namespace": "shop", **data}), "id": "u2"}
    forged(here, begun(here), undo(here, data=genuine), hostile)
    [result], _ = recovered(here)
    assert f"its record names a place that is not a string: {key}" in result.left[0]
    assert (result.undone, replicas(here)) == (("tidy up",), 3)


@pytest.mark.parametrize("trusted", [True, False])
def test_a_record_that_names_no_place_is_carried_out_on_a_trusted_word_alone(trusted: bool) -> None:
    record = Undo(id="u1", verb="v", path="", data={"name": "x"}, text="t")
    why = trust.refused(record, ["nodes"], trusted)
    assert ("its record does not say where it acts" in why) is not trusted
    assert bool(why) is not trusted


SUPPRESS: dict[str, list[dict[str, Any]]] = {
    "it is done": [{"op": "done", "id": "u1"}],
    "it never was": [{"op": "forget", "id": "u1"}],
    "other data": [{"op": "amend", "id": "u1", "data": {"namespace": "shop"}}],
    "no locks": [{"op": "begin", "run": "x-1", "locks": []}],
    "another cluster": [{"op": "begin", "run": "x-1", "locks": ["nodes"], "cluster": "c9"}],
    "damage": [{"op": 7}],
}


@pytest.mark.parametrize("lines", SUPPRESS.values(), ids=SUPPRESS)
def test_lines_that_others_add_suppress_no_undo_where_the_run_was_started(
    here: World, lines: list[dict[str, Any]]
) -> None:
    data = scaling(here.cluster.find(DEPLOYMENTS, "shop")[0], 3, 1)
    here.cluster.change(DEPLOYMENTS, "shop", "web", lambda o: o["spec"].update(replicas=1))
    genuine = (begun(here), undo(here, data=data))
    forged(here, *genuine, *lines)
    file = here.directory / "x-1.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in genuine))
    [result], _ = recovered(here)
    assert (result.undone, result.left) == (("tidy up",), ())
    assert replicas(here) == 3
    assert here.cluster.find(CONFIGMAPS, NAMESPACE) == []


def test_what_a_person_has_to_decide_stays_theirs(here: World) -> None:
    data = scaling(here.cluster.find(DEPLOYMENTS, "shop")[0], 3, 1)
    here.cluster.change(DEPLOYMENTS, "shop", "web", lambda o: o["spec"].update(replicas=6))
    genuine = (begun(here), undo(here, data=data))
    forged(here, *genuine, {"op": "kept", "id": "u1", "text": "somebody scaled it"})
    file = here.directory / "x-1.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in genuine))
    [result], _ = recovered(here)
    assert (len(result.kept), result.weighs) == (1, False)
    assert replicas(here) == 6
