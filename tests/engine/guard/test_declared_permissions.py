"""What each verb declares is what it asks for, both ways: all requests of a real run are recorded.

End to end, on the sandbox. Nothing is asked that was not declared, or a ServiceAccount with just
the declared rights would fail half way; nothing is declared that is never asked, or the rights
would not be the least, but for what `UNASKED` gives a reason for. `node_down`, `reboot` and
`chaos_mesh` need a hurried clock or a controller; `tests/actions/test_on_the_sandbox.py` carries
them out with the printed rights alone, which holds them to the first half of it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from resilience.backup.plans.snapshot_permissions import REFERRED
from resilience.cluster.access.embedded import Embedded
from resilience.cluster.attributes import Attributes
from resilience.cluster.errors import Conflict
from resilience.cluster.interface import CONFIGMAPS, NODES, PODS
from resilience.cluster.permit.door import Permit
from resilience.cluster.transport import HttpCluster
from resilience.engine.guard.permissions import every_step, needed, of_step
from resilience.engine.plan.scenario_reach import of_scenario
from resilience.language import load
from resilience.model.scenario import Scenario
from resilience.model.verb import Right
from resilience.verbs.catalogue import catalogue
from tests.recording import allows, carried_out, recorded

SPACE = "declared"

SUBJECT = """
apiVersion: v1
kind: Namespace
metadata: {name: declared}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: declared}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      nodeSelector: {pool: web}
      containers:
        - name: web
          image: registry.k8s.io/e2e-test-images/agnhost:2.53
          args: [netexec, --http-port=8080]
          ports: [{name: http, containerPort: 8080}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: declared}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: http}]}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: declared}
spec: {maxUnavailable: 1, selector: {matchLabels: {app: web}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: held, namespace: declared}
spec:
  selector: {matchLabels: {app: held}}
  template:
    metadata: {labels: {app: held}}
    spec:
      nodeName: node-3
      containers: [{name: held, image: "registry.k8s.io/pause:3.10"}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: held, namespace: declared}
spec: {maxUnavailable: 0, selector: {matchLabels: {app: held}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: colour, namespace: declared}
data: {colour: red}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: to-lose, namespace: declared}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: report, namespace: declared}
spec:
  schedule: "0 0 1 1 *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{name: a, image: "python:3.12", command: [python, -c, "print(1)"]}]
"""

CHANGED = """
apiVersion: v1
kind: ConfigMap
metadata: {name: colour}
data: {colour: blue}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: fresh}
"""

ANY = "{pods: app=web, count: 1}"
WHEN = {
    "apply": "apply: changed.yaml",
    "cordon": "cordon: node-1",
    "crash": f"crash: {ANY}",
    "drain": "drain: {node: {zone: a}}",
    "evict": f"evict: {ANY}",
    "evict-of-an-owner": "evict: {owner: deployment/web, count: 1}",
    "exec": "exec: {pods: app=web, count: 1, command: [hostname]}\n    lasting: true",
    "kill": f"kill: {ANY}",
    "kill-of-an-owner": "kill: {owner: deployment/web, count: 1}",
    "delete": "delete: [configmap/to-lose]\n    lasting: true",
    "partition": "partition: {pods: app=web, direction: ingress, duration: 10ms}",
    "quarantine": f"quarantine: {ANY}",
    "restart": "restart: deployment/web",
    "run_job": "run_job: report",
    "scale": "scale: {workload: deployment/web, replicas: 4}",
    "set_image": "set_image: {workload: deployment/web, image: 'registry.k8s.io/pause:3.9'}",
    "snapshot": "snapshot: {store: 'file:./store', volumes: true}",
    "suspend": "suspend: cronjob/report",
    "taint": "taint: {node: node-1, taint: 'fire:NoSchedule'}",
    "zone": "zone: {value: a, act: drain}",
    "choose": f"choose: [{{kill: {ANY}}}, {{evict: {ANY}}}]",
    "parallel": f"parallel: [{{kill: {ANY}}}, {{sleep: 10ms}}]",
    "repeat": f"repeat: {{steps: [{{kill: {ANY}}}], times: 1}}",
    "expect_refused": "expect_refused: {evict: {pods: app=held, count: 1}}\n    within: 1s",
    "ready": "ready: deployment/web",
    "ready-all": "ready: all",
    "restarts": "restarts: {pods: app=web, at_most: 99}",
}
"""A step under `when:` for each verb that can be had here."""

PROMISED = "\n    name: p\n    rate: 10/s\n    objective: {longest_outage: 60s}"
WHILE = {
    "command": "command: {pods: app=web, command: [cat, /etc/hostname]}" + PROMISED,
    "disruption_budget": "disruption_budget: {selector: app=web}",
    "dns": "dns: {name: web}" + PROMISED,
    "http": "http: {service: web, port: http, path: /hostname}" + PROMISED,
    "kubernetes": "kubernetes: {count: {pods: app=web, at_least: 1}, longest: 60s}",
    "kubernetes-endpoints": "kubernetes: {endpoints: {service: web}, longest: 60s}",
    "http-by-agents": "http: {service: web, port: http, path: /hostname, agents: 2}" + PROMISED,
    "http-via-pod": "http: {service: web, port: http, path: /hostname, via: pod}" + PROMISED,
    "journey-via-pod": "journey: {service: web, port: http, via: pod,\n"
    "              steps: [{name: look, path: /}]}" + PROMISED,
    "log": "log: {pods: app=web, absent: 'panic:'}",
    "tcp": "tcp: {service: web, port: http}" + PROMISED,
}

ELSEWHERE = {
    "chaos_mesh",
    "grpc",
    "journey",
    "ledger",
    "prometheus",
    "python",
    "redis",
    "sql",
    "node_down",
    "reboot",
    "sleep",
    "recovered",
    "restore",
    "matches_snapshot",
}
"""`recovered` ends each of these scenarios; `restore` and `same` are held to theirs by a drill.
Probes of a server need one: all that they ask of the cluster is its Service and a Secret."""

Unasked = set[tuple[str, str]]
HELPER: Unasked = {("get", "pods"), ("create", "pods"), ("delete", "pods")}
OUTSIDE: Unasked = {("create", "secrets"), ("delete", "secrets"), ("get", "pods/log"),
                    ("create", "configmaps"), ("delete", "configmaps"), *HELPER}  # fmt: skip
WAITING: Unasked = {("watch", "poddisruptionbudgets")}

UNASKED: dict[str, Unasked] = {
    "crash": HELPER,  # the sandbox kills by itself; elsewhere a helper Pod on the node does
    "command": {("create", "pods/exec")},  # by POST or GET: versions differ
    "exec": {("create", "pods/exec")},
    "snapshot": {
        *HELPER,
        ("get", "pods/exec"),
        ("create", "pods/exec"),
        ("get", "persistentvolumeclaims"),
        *(("get", each) for _, each in REFERRED),
        ("list", "clusterroles"),  # the parts of an aggregated role that a binding refers to
    },  # no claims, and nothing refers to any
    "http-by-agents": {("create", "pods"), ("get", "pods")},  # tried before; asked if one ends
    "http": OUTSIDE,  # on the sandbox, and inside of a cluster, a Service is reached directly
    "tcp": OUTSIDE,
    "drain": {("get", "daemonsets")},  # no Pod of one stands on these nodes
    "zone": {("get", "daemonsets")},
    "partition": {("get", "pods"), ("get", "networkpolicies")},  # an undo asks, after an abort
    "evict": WAITING,  # nothing had to be waited for
    "evict-of-an-owner": WAITING,
    "expect_refused": {
        ("create", "pods/eviction"),
        *WAITING,
    },  # that it can never succeed is known before
    "choose": {
        ("delete", "pods"),
        ("create", "pods/eviction"),
        ("list", "poddisruptionbudgets"),
        *WAITING,
    },  # only one is done
}


def test_every_verb_is_held_to_its_rights_somewhere() -> None:
    held = {name.partition("-")[0] for name in (*WHEN, *WHILE)} | ELSEWHERE
    assert set(catalogue().names()) <= held


@pytest.fixture(scope="module")
def subject(admin: HttpCluster) -> HttpCluster:
    for node in ("node-1", "node-2"):  # the third is for the Pod that can never be evicted
        admin.patch(NODES, node, {"metadata": {"labels": {"pool": "web"}}})
    for each in yaml.safe_load_all(SUBJECT):
        admin.create(admin.resource(each["apiVersion"], each["kind"]), each)
    return admin


@pytest.fixture
def ready(subject: HttpCluster) -> HttpCluster:
    """Three living Pods, everything that may be lost, and a zone in which one of the Pods runs."""
    try:
        subject.create(CONFIGMAPS, {"metadata": {"name": "to-lose"}}, SPACE)
    except Conflict:
        pass
    with subject.view(PODS, SPACE, labels="app=web") as pods:
        assert pods.wait(_three, 60.0)
        there = pods.objects()[0]["spec"]["nodeName"]
    for node in ("node-1", "node-2", "node-3"):
        zone = "a" if node == there else "b"
        subject.patch(NODES, node, {"metadata": {"labels": {"topology.kubernetes.io/zone": zone}}})
    return subject


def _three(pods: object) -> bool:
    from resilience.kube import readiness

    assert isinstance(pods, list | tuple)
    return sum(readiness.serves(pod) for pod in pods) == 3 == len(pods)


def scenario(folder: Path, name: str) -> Scenario:
    (folder / "changed.yaml").write_text(CHANGED)
    lines = [f"scenario: {name}", f"namespace: {SPACE}", "seed: 1", "settle: 10ms"]
    lines += ["while:", f"  - {WHILE[name]}"] if name in WHILE else []
    lines += ["when:", f"  - {WHEN.get(name, f'kill: {ANY}')}"]
    lines += ["then:", "  - restarts: {pods: app=web, at_most: 99}"]
    (folder / "one.scenario.yaml").write_text("\n".join(lines) + "\n")
    loaded = load(folder / "one.scenario.yaml", None, catalogue(), {})
    assert not loaded.problems, loaded.problems
    return loaded.scenarios[0]


@pytest.mark.parametrize("name", [*WHEN, *WHILE])
def test_a_verb_asks_for_what_it_declares_and_writes_only_where_consent_was_asked_for(
    folder: Path, ready: HttpCluster, embedded: Embedded, name: str
) -> None:
    wanted = scenario(folder, name)
    seen: set[Attributes] = set()
    with recorded(embedded, seen) as cluster:
        touched = of_scenario(wanted, SPACE)
        permit = Permit(title=name, namespaces=touched.namespaces, nodes=touched.nodes)
        carried_out(wanted, cluster.under(permit), folder)
    declared = [need.right for need in needed(wanted, SPACE)]
    undeclared = [each for each in seen if not any(allows(right, each) for right in declared)]
    assert [f"{each.verb} {each.resource} {each.name}" for each in undeclared] == []
    assert sorted(never_asked(wanted, seen, folder) - UNASKED.get(name, set())) == []


def never_asked(wanted: Scenario, seen: set[Attributes], folder: Path) -> Unasked:
    rights: set[Right] = {right for step in every_step(wanted)
                          for right in of_step(step, SPACE, folder)}  # fmt: skip
    return {(right.verb, right.resource) for right in rights
            if not right.optional and not any(allows(right, each) for each in seen)}  # fmt: skip
