"""What is killed: scenarios over every verb with an undo, backup, restore, drill and recover.

Each case is one command, as a person types it, and the commands that clear away what a killed one
left. None of them may fail, and nothing may be left.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resilience.backup.objects.rules import RESTORE
from resilience.cluster.errors import NotFound
from resilience.cluster.interface import NAMESPACES, PODS
from resilience.cluster.transport import HttpCluster
from resilience.kube import objects
from tests.engine.journal import test_journal_secrets as secrets
from tests.engine.journal import test_kill_nine as subject

VOLUMES = "vol"
COPY = "vol-copy"
KV = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: kv}
spec:
  selector: {matchLabels: {app: kv}}
  template:
    metadata: {labels: {app: kv}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - {name: kv, image: "python:3.12", command: [python, -c, "import time; time.sleep(3600)"]}
"""
FLOWS = f"""
scenario: flows, a ledger and a prober
namespace: subject
settle: 0s
given:
  - apply: more.yaml
  - apply: kv.yaml
  - ready: deployment/kv
while:
  - ledger:
      rate: 4/s
      timeout: 5s
      exec:
        pods: app=kv
        put: [python, -c, "{secrets.WRITE}", "{{key}}", "{{value}}"]
        list: [python, -c, "{secrets.LIST}"]
        delete: [python, -c, "{secrets.DELETE}", "{{key}}"]
    name: orders
when:
  - parallel:
    - scale: {{workload: deployment/web, replicas: 4}}
    - taint: {{node: node-3, taint: "fire:NoSchedule"}}
  - repeat: {{times: 2, steps: [{{kill: {{pods: app=web, count: 1, grace: 0s}}}}]}}
  - choose: [{{restart: deployment/web}}, {{cordon: node-1}}]
then:
  - ready: deployment/web
"""
PLAN = """
plan: copy
namespaces: [subject]
store: file:./plans
drill: {into: "${namespace}-drill", then: [{ready: all}, {matches_snapshot: {as: snapshot}}]}
"""
SLOW = """
apiVersion: chaos-mesh.org/v1alpha1
kind: NetworkChaos
metadata: {name: NAME}
spec: {action: delay, mode: all, selector: {labelSelectors: {app: web}}, delay: {latency: 100ms}}
"""
CHAOS = """
scenario: resources of Chaos Mesh come and go
namespace: subject
settle: 0s
when:
  - chaos_mesh: {file: slow.yaml, duration: 1s}
  - chaos_mesh: slower.yaml
  - kill: {pods: app=web, count: 1, grace: 0s}
  - chaos_mesh: {file: slow.yaml, duration: 1s}
then:
  - ready: deployment/web
"""
FILES = {
    "chaos.scenario.yaml": CHAOS, "slow.yaml": SLOW.replace("NAME", "slow"),
    "slower.yaml": SLOW.replace("NAME", "slower"),
    "subject.yaml": subject.SUBJECT, "more.yaml": subject.MORE, "copy.plan.yaml": PLAN,
    "all.scenario.yaml": subject.SCENARIO, "machines.scenario.yaml": subject.MACHINES,
    "backups.scenario.yaml": subject.BACKUPS, "flows.scenario.yaml": FLOWS, "kv.yaml": KV,
    "pytest.ini": "[pytest]\nasyncio_default_fixture_loop_scope = function\n",
}  # fmt: skip

DISK = ".resilience"
"""The folder of journals and, here, of the report too."""

REPORT = f"{DISK}/report"

Words = Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`words` are the command, `after` those that clear away; `reset` removes what it made on
    purpose. `again`: the first of `after` is killed as well. `undoing`: it is killed once its
    journal says that something was undone, so in the middle of its own undo. `longest`: seconds
    within which it is killed, for one that takes much longer. `verdicts`: exit codes besides 0 with
    which it may end when nobody kills it."""

    name: str
    words: Words
    after: Callable[[HttpCluster], Sequence[Words]]
    reset: Callable[[HttpCluster], None] = lambda cluster: None
    again: bool = False
    undoing: bool = False
    longest: float = 0.0
    verdicts: tuple[int, ...] = ()


def cases(kubeconfig: Path) -> list[Case]:
    """All of them, on the cluster of that kubeconfig."""
    there = ("--kubeconfig", str(kubeconfig))
    store = ("--store", "file:./store", *there)
    recover = command("recover", *there)

    def recovered(cluster: HttpCluster) -> Sequence[Words]:
        return [recover]

    def pytest(*words: str) -> Words:
        named = f"--resilience-kubeconfig={kubeconfig}"
        report = f"--resilience-report={REPORT}"
        return (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", named, report,
                *words)  # fmt: skip

    def resumed(cluster: HttpCluster) -> Sequence[Words]:
        name = restoring(cluster)
        how = ("--resume", name) if name else ("--existing", "skip")
        return [recover, command("restore", "kept", "--into", f"{VOLUMES}={COPY}", *how, *store)]

    create = command("backup", "create", "-n", VOLUMES, "--volumes", *store)

    def next_one(cluster: HttpCluster) -> Sequence[Words]:
        return [recover, create]

    def scenario(name: str, file: str, **more: Any) -> Case:
        words = pytest(f"{file}.scenario.yaml")
        return Case(name=name, words=words, after=recovered, **more)

    return [
        scenario("all verbs", "all"),
        scenario("machines", "machines", longest=25.0),
        scenario("flows, ledger, prober", "flows", verdicts=(21,)),
        scenario("backups in a run", "backups"),
        scenario("recover", "all", again=True),
        scenario("the undo itself", "all", undoing=True),
        scenario("chaos_mesh", "chaos"),
        scenario("chaos_mesh's undo", "chaos", undoing=True),
        Case(name="backup create", words=create, after=next_one),
        Case(name="restore", after=resumed, reset=without_copy,
             words=command("restore", "kept", "--into", f"{VOLUMES}={COPY}", *store)),
        Case(name="drill", words=pytest("copy.plan.yaml", "-m", "drill"), after=recovered),
    ]  # fmt: skip


def command(*words: str) -> Words:
    """The command `resilience`."""
    return (sys.executable, "-m", "resilience", *words)


def restoring(cluster: HttpCluster) -> str:
    """The name of the restore whose copy is there; "" without one."""
    try:
        return objects.annotation(cluster.get(NAMESPACES, COPY), RESTORE)
    except NotFound:
        return ""


def without_copy(cluster: HttpCluster) -> None:
    """The copy is whole, and goes."""
    pods = {objects.name(each) for each in cluster.list(PODS, COPY)}
    assert pods == {"app"}, f"the copy has Pods {sorted(pods)}"
    cluster.delete(NAMESPACES, COPY)
