"""End to end, in real time: what a cluster's owner fears happens while a run has changed things.

However a run ends, what it changed is put back: by itself where it still may, else by `resilience
recover`. The cluster is compared with what it was before. Locks run out within three seconds here
instead of thirty, in the same proportions, and the API server is away for four instead of forty.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from resilience.cluster.access.embedded import Embedded
from resilience.cluster.errors import Conflict
from resilience.cluster.interface import CONFIGMAPS, LEASES, NAMESPACES, SECRETS, Object
from resilience.cluster.requests.request import Request
from resilience.cluster.transport import HttpCluster
from tests.engine.guard.test_locks import HURRIED
from tests.engine.journal import test_kill_nine as subject
from tests.harness.sandboxed import Inner
from tests.real_cluster import admin, applied, deleted, embedded, folder, resilience

__all__ = ["admin", "embedded", "folder"]  # fixtures

JOURNAL = "resilience-journal"
FAULTS = "/sandbox/v1/faults/apiserver"
DEADLINE = 120.0
LASTING = """
scenario: a little of everything, for a while
namespace: subject
settle: 10ms
given:
  - apply: more.yaml
when:
  - scale: {workload: deployment/web, replicas: 5}
  - cordon: node-1
  - taint: {node: node-2, taint: "fire:NoSchedule"}
  - suspend: cronjob/report
  - sleep: 60s
then:
  - ready: deployment/web
"""
LAST = "suspend"
"""The action after which it sleeps."""


@pytest.fixture
def project(folder: Path, admin: HttpCluster) -> Iterator[Path]:
    """A scenario that changes things and waits; what it acts on lives already."""
    (folder / "kill.scenario.yaml").unlink()
    (folder / "conftest.py").write_text(HURRIED)
    for name, text in (("subject.yaml", subject.SUBJECT), ("more.yaml", subject.MORE),
                       ("all.scenario.yaml", LASTING)):  # fmt: skip
        (folder / name).write_text(text, encoding="utf-8")
    admin.send(Request("DELETE", FAULTS))
    try:
        admin.create(NAMESPACES, {"metadata": {"name": JOURNAL}})
        subject._make_subject(admin, folder)
    except Conflict:
        pass
    subject._settled(admin)
    yield folder
    admin.send(Request("DELETE", FAULTS))


@contextmanager
def under_way(project: Path, admin: HttpCluster, kubeconfig: Path) -> Iterator[Inner]:
    """A run that has made all its changes, and sleeps."""
    with Inner(project, f"--resilience-kubeconfig={kubeconfig}", "-p", "no:cacheprovider",
               "--resilience-lock-wait=8s", "all.scenario.yaml") as inner:  # fmt: skip
        with admin.view(CONFIGMAPS, JOURNAL, labels="resilience/run") as journals:
            if not journals.wait(_all_changed, DEADLINE):
                inner.send(signal.SIGINT)
                inner.end()
                pytest.fail(f"not all was changed:\n{inner.output}")
        yield inner


def _all_changed(journals: Any) -> bool:
    lines = [json.loads(text) for each in journals for text in (each.get("data") or {}).values()]
    return any(line["op"] == "undo" and line["verb"] == LAST for line in lines)


def _nothing_is_left(project: Path, admin: HttpCluster, before: list[str]) -> None:
    subject._settled(admin)
    assert subject.dump(admin) == before
    assert admin.list(CONFIGMAPS, JOURNAL, labels="resilience/run") == []
    assert not list((project / ".resilience/journal").glob("*.jsonl"))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 2), (signal.SIGTERM, 143)])
def test_an_interrupted_run_leaves_the_cluster_as_it_was(
    project: Path, embedded: Embedded, admin: HttpCluster, number: signal.Signals, code: int
) -> None:
    before = subject.dump(admin)
    with under_way(project, admin, embedded.kubeconfig) as inner:
        inner.send(number)
        assert inner.end() == code, inner.output
    _nothing_is_left(project, admin, before)


def test_a_journal_that_is_refused_for_a_moment_ends_no_run(
    project: Path, embedded: Embedded, admin: HttpCluster
) -> None:
    before = subject.dump(admin)
    short = LASTING.replace("sleep: 60s", "sleep: 10ms")
    (project / "all.scenario.yaml").write_text(short, encoding="utf-8")
    busy = {"kind": "error", "code": 503, "times": 1, "path": f"/{JOURNAL}/configmaps"}
    for method in ("POST", "PATCH"):
        admin.send(Request("POST", FAULTS, body=busy | {"methods": [method]}))
    with Inner(project, f"--resilience-kubeconfig={embedded.kubeconfig}", "-p", "no:cacheprovider",
               "all.scenario.yaml") as inner:  # fmt: skip
        assert inner.end() == 0, inner.output
    assert admin.send(Request("GET", FAULTS))["faults"] == [], "both were refused once"
    _nothing_is_left(project, admin, before)


def test_an_api_server_that_is_away_for_longer_than_a_lock_lasts_is_waited_for(
    project: Path, embedded: Embedded, admin: HttpCluster
) -> None:
    before = subject.dump(admin)
    with under_way(project, admin, embedded.kubeconfig) as inner:
        admin.send(Request("POST", FAULTS, body={"kind": "stop", "seconds": 4}))
        assert inner.end() == 25, inner.output
    assert "could not be renewed for" in inner.output
    assert "undone: uncordon node-1" in inner.output, inner.output
    _nothing_is_left(project, admin, before)


def test_a_lock_that_another_run_took_is_left_to_it_and_it_undoes_first(
    project: Path, embedded: Embedded, admin: HttpCluster
) -> None:
    before = subject.dump(admin)
    with under_way(project, admin, embedded.kubeconfig) as inner:
        for lease in admin.list(LEASES, JOURNAL):
            spec = {"holderIdentity": "run r2 of bob@ci", "leaseDurationSeconds": 30}
            admin.patch(LEASES, lease["metadata"]["name"], {"spec": spec}, JOURNAL)
        assert inner.end() == 20, inner.output
    assert "was taken by run r2 of bob@ci" in inner.output
    assert subject.dump(admin) != before
    for lease in admin.list(LEASES, JOURNAL):
        admin.patch(LEASES, lease["metadata"]["name"], {"spec": {"holderIdentity": ""}}, JOURNAL)
    (project / "all.scenario.yaml").write_text(LASTING.replace("sleep: 60s", "sleep: 10ms"))
    with Inner(project, f"--resilience-kubeconfig={embedded.kubeconfig}", "-p", "no:cacheprovider",
               "all.scenario.yaml") as other:  # fmt: skip
        assert other.end() == 0, other.output
    assert "uncordon node-1: done" in other.output, other.output
    _nothing_is_left(project, admin, before)


@pytest.fixture
def account(project: Path, admin: HttpCluster) -> Iterator[None]:
    """A ServiceAccount with just the rights of the scenario."""
    printed = resilience(project, "rbac", "all.scenario.yaml", "--with-namespaces")
    objects = applied(admin, printed.stdout)
    yield
    deleted(admin, objects)


def token(admin: HttpCluster, secret: str) -> str:
    """One that is good for as long as a Secret of that name is there."""
    made = admin.create(SECRETS, {"metadata": {"name": secret}}, JOURNAL)
    bound = {"kind": "Secret", "apiVersion": "v1", "name": secret, "uid": made["metadata"]["uid"]}
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {"boundObjectRef": bound}}  # fmt: skip
    path = f"/api/v1/namespaces/{JOURNAL}/serviceaccounts/resilience/token"
    return str(admin.send(Request("POST", path, body=body))["status"]["token"])


def kubeconfig(embedded: Embedded, folder: Path, user: Object) -> Path:
    config = yaml.safe_load(embedded.kubeconfig.read_text())
    config["users"][0]["user"] = user
    (folder / "guest.kubeconfig").write_text(yaml.safe_dump(config))
    return folder / "guest.kubeconfig"


def test_an_expired_token_ends_the_run_and_who_logs_in_again_recovers(
    project: Path, embedded: Embedded, admin: HttpCluster, account: None
) -> None:
    before = subject.dump(admin)
    guest = kubeconfig(embedded, project, {"token": token(admin, "short")})
    with under_way(project, admin, guest) as inner:
        admin.delete(SECRETS, "short", JOURNAL)
        assert inner.end() == 20, inner.output
    assert "does not take the credentials of context 'sandbox', which may have" in inner.output
    assert "`resilience recover --kubeconfig " in inner.output, inner.output
    done = resilience(project, "recover", "--kubeconfig", str(embedded.kubeconfig))
    assert done.returncode == 0, done.stdout
    _nothing_is_left(project, admin, before)


def test_a_token_file_that_rotates_under_way_is_not_noticed(
    project: Path, embedded: Embedded, admin: HttpCluster, account: None
) -> None:
    before = subject.dump(admin)
    file = project / "token"
    file.write_text(token(admin, "first"))
    guest = kubeconfig(embedded, project, {"tokenFile": str(file)})
    (project / "all.scenario.yaml").write_text(LASTING.replace("sleep: 60s", "sleep: 2s"))
    with under_way(project, admin, guest) as inner:
        file.write_text(token(admin, "second"))
        admin.delete(SECRETS, "first", JOURNAL)
        assert inner.end() == 0, inner.output
    admin.delete(SECRETS, "second", JOURNAL)
    _nothing_is_left(project, admin, before)
