"""Nothing that a scenario, plan or command says leads past consent: recorded on the wire.

`shop` consents by its label; `bank` and the system's namespaces do not. Each attack is refused in
one message before anything leaves, and what is allowed sends its writes to `shop` alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import yaml

from resilience.cluster.access.embedded import Embedded
from resilience.cluster.errors import NotFound
from resilience.cluster.interface import DEPLOYMENTS, NAMESPACES, PODS
from resilience.cluster.permit.grants import ROLE_BINDING
from resilience.cluster.transport import HttpCluster
from tests.real_cluster import applied, called
from tests.recorded import Request, requests

JOURNAL = "resilience-journal"
SUBJECT = """
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {resilience/consent: allow}}
---
apiVersion: v1
kind: Namespace
metadata: {name: bank}
---
apiVersion: v1
kind: Service
metadata: {name: port, namespace: bank}
spec: {type: NodePort, ports: [{port: 80, nodePort: 30123}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: bank}
spec: {rules: [{host: bank.example.com}]}
---
apiVersion: v1
kind: Service
metadata: {name: alias, namespace: shop}
spec: {type: ExternalName, externalName: web.bank.svc.cluster.local, ports: [{port: 80}]}
"""
WORKLOAD = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: %s}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: "registry.k8s.io/pause:3.10"}]}
"""
PLAN = """
plan: evil
namespaces: [bank]
store: file:./store
hooks: [{pods: app=web, before: [touch, /OWNED]}]
"""


@pytest.fixture(scope="module")
def there(admin: HttpCluster) -> HttpCluster:
    applied(admin, SUBJECT)
    for namespace in ("shop", "bank"):
        applied(admin, WORKLOAD % namespace)
        with admin.view(DEPLOYMENTS, namespace) as view:
            assert view.wait(lambda all_: all_[0].get("status", {}).get("readyReplicas") == 2, 60)
    return admin


@pytest.fixture
def project(tmp_path: Path, embedded: Embedded, there: HttpCluster) -> Iterator[Path]:
    """A folder with a kubeconfig by which the sandbox is not known to be one."""
    config = yaml.safe_load(embedded.kubeconfig.read_text())
    cluster = config["clusters"][0]["cluster"]
    cluster["server"] = cluster["server"].replace("127.0.0.1", "localhost")
    [context] = config["contexts"]
    config["contexts"] = [{**context, "name": name} for name in ("prod", "prod-alias")]
    config["current-context"] = "prod"
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nasyncio_default_fixture_loop_scope = function\n"
    )
    before = state(there)
    yield tmp_path
    assert state(there) == before


def state(admin: HttpCluster) -> Mapping[str, object]:
    """What no attack may change."""
    held: dict[str, object] = {
        f"{resource.plural} {each['metadata'].get('namespace', '')}/{each['metadata']['name']}":
            each.get("spec") or each.get("rules") or each.get("data")
        for resource in admin.resources()
        if resource.plural not in ("events", "leases", "nodes", "endpointslices", "endpoints")
        for each in admin.list(resource)
        if each["metadata"].get("namespace") != "shop"
        if JOURNAL not in (each["metadata"].get("namespace"), each["metadata"]["name"])
    }  # fmt: skip
    labels = {each["metadata"]["name"]: each["metadata"].get("labels")
              for each in admin.list(NAMESPACES)}  # fmt: skip
    labels.pop(JOURNAL, None)
    return held | {f"labels of {name}": found for name, found in labels.items()}


def run(folder: Path, *arguments: str) -> CompletedProcess[str]:
    """pytest there; its requests are in `requests`."""
    named = ("-m", "tests.recorded", str(folder / "requests"), "pytest", "-q", "-p",
             "no:cacheprovider", f"--resilience-kubeconfig={folder / 'kubeconfig'}")  # fmt: skip
    return called(folder, *named, *arguments)


def command(folder: Path, *arguments: str) -> CompletedProcess[str]:
    """The command there."""
    named = ("-m", "tests.recorded", str(folder / "requests"), "resilience")
    return called(folder, *named, *arguments, "--kubeconfig", str(folder / "kubeconfig"))


def writes(folder: Path) -> list[Request]:
    return [each for each in requests(folder / "requests") if each.writes]


def scenario(folder: Path, name: str = "one", **phases: str) -> None:
    """One file; `when` does nothing where it is not given."""
    steps = {"when": "sleep: 10ms", **phases}
    lines = [f"{phase}: [{{{step}}}]" for phase, step in steps.items()]
    (folder / f"{name}.scenario.yaml").write_text(
        "\n".join([f"scenario: {name}", "namespace: shop", "settle: 10ms", *lines,
                   "then: [{restarts: {pods: app=web, at_most: 0}}]"])
    )  # fmt: skip


def manifest(kind: str, name: str, version: str = "v1", **more: object) -> str:
    body = {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **more}
    return yaml.safe_dump(body)


RBAC = "rbac.authorization.k8s.io/v1"
MANIFESTS = {
    "consent of another namespace": (
        manifest("Namespace", "bank", metadata={"name": "bank", "labels": {
            "resilience/consent": "allow"}}), "nothing allows acting in namespace 'bank'"),
    "its own consent": (
        manifest("Namespace", "shop", metadata={"name": "shop", "labels": {
            "resilience/consent": "always"}}), "decides about consent"),
    "a namespace that nobody named": (
        manifest("Namespace", "lab"), 'namespaces = ["lab"]'),
    "a namespace of the system": (
        manifest("Namespace", "kube-system", metadata={"name": "kube-system", "labels": {
            "a": "b"}}), "'kube-system' is a system namespace"),
    "rights over the cluster": (
        manifest("ClusterRoleBinding", "all", RBAC, subjects=[{
            "kind": "ServiceAccount", "name": "default", "namespace": "shop"}],
            roleRef={"apiGroup": RBAC[:-3], "kind": "ClusterRole", "name": "cluster-admin"}),
        'cluster_scoped = ["clusterrolebindings.rbac.authorization.k8s.io"]'),
    "a role of the system": (
        manifest("ClusterRole", "system:node", RBAC, rules=[]), "clusterroles"),
    "a webhook for everybody": (
        manifest("ValidatingWebhookConfiguration", "deny", "admissionregistration.k8s.io/v1",
                 webhooks=[]), "validatingwebhookconfigurations"),
    "an object elsewhere": (
        manifest("ConfigMap", "x", metadata={"name": "x", "namespace": "bank"}),
        "nothing allows acting in namespace 'bank'"),
    "our journal": (
        manifest("ConfigMap", "x", metadata={"name": "x", "namespace": JOURNAL}),
        f"'{JOURNAL}'"),
    "a node": (manifest("Node", "node-9"), "nodes = true"),
    "every right in its own namespace": (
        manifest("Role", "all", RBAC, rules=[
            {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]), "any permission can be "
                                                                        "obtained"),
    "a binding to every right": (
        manifest("RoleBinding", "all", RBAC, subjects=[
            {"kind": "ServiceAccount", "name": "default", "namespace": "shop"}],
            roleRef={"apiGroup": RBAC[:-3], "kind": "ClusterRole", "name": "cluster-admin"}),
        "binds ClusterRole cluster-admin"),
    "rights for another namespace's account": (
        manifest("RoleBinding", "lent", RBAC, subjects=[
            {"kind": "ServiceAccount", "name": "default", "namespace": "bank"}],
            roleRef={"apiGroup": RBAC[:-3], "kind": "Role", "name": "reader"}),
        "of namespace 'bank', which is not covered"),
}  # fmt: skip


@pytest.mark.parametrize("dry", [(), ("--resilience-dry-run",)], ids=["run", "dry run"])
def test_a_manifest_leads_nowhere_else(dry: tuple[str, ...], project: Path) -> None:
    for number, (text, _) in enumerate(MANIFESTS.values()):
        (project / f"m{number}.yaml").write_text(text)
        scenario(project, f"s{number}", given=f"apply: {{file: m{number}.yaml, keep: true}}")
    done = run(project, *dry)
    for what, (_, why) in MANIFESTS.items():
        assert why in done.stdout, (what, done.stdout)
    assert done.stdout.count("refused by guard:") >= len(MANIFESTS), done.stdout
    assert done.returncode == 23, done.stdout
    assert not writes(project)


STEPS: Mapping[str, Mapping[str, str]] = {
    "http from a Pod": {"while": "http: {service: web, namespace: bank, via: pod}, rate: 500/s,"
                                 " objective: {availability: 1%}"},
    "http from outside": {"while": "http: {service: web, namespace: bank}, rate: 500/s,"
                                   " objective: {availability: 1%}"},
    "tcp into the system": {"while": "tcp: {service: kube-dns, namespace: kube-system, via: pod},"
                                     " rate: 500/s, objective: {availability: 1%}"},
    "http by agents": {"while": "http: {service: web, namespace: bank, agents: 3}, rate: 500/s,"
                                " objective: {availability: 1%}"},
    "asked once": {"given": "http: {service: web, namespace: bank, via: pod}"},
    "a write over HTTP": {"while": "http: {service: web, namespace: bank, via: direct,"
                                   " method: POST}, rate: 500/s, objective: {availability: 1%}"},
    "a write by a Service's name": {"when": "http: {url: 'http://web.bank.svc/', method: PUT}"},
    "a write by a node's port": {"when": "http: {url: 'http://node-1:30123/', method: POST}"},
    "a write by an alias": {"while": "http: {service: alias, method: POST}, rate: 500/s,"
                                     " objective: {availability: 1%}"},
    "a write by an Ingress": {"given": "http: {url: 'https://BANK.example.com/', method: PUT}"},
    "a write by a header": {"given": "http: {url: 'http://192.0.2.1/', method: PUT,"
                                     " headers: {host: bank.example.com}}"},
    "a text over TCP": {"given": "tcp: {service: web, namespace: bank, via: direct, send: X}"},
    "a query": {"while": "sql: {service: db, namespace: bank, query: 'SELECT 2'}, rate: 500/s,"
                         " objective: {availability: 1%}"},
    "another's password": {"while": "redis: {host: h, namespace: bank, password: {secret: auth}},"
                                    " rate: 500/s, objective: {availability: 1%}"},
    "another's token": {"while": "prometheus: {url: 'http://h', namespace: bank, query: up,"
                                 " at_least: 1, token: {secret: auth}}"},
    "a ledger": {"while": "ledger: {http: {service: web, namespace: bank, put: '/{key}',"
                          " list: /}}"},
    "a ledger by name": {"while": "ledger: {redis: {host: web.bank.svc.cluster.local}}"},
    "a ledger's copy": {"while": "ledger: {exec: {pods: app=web, put: [p, '{key}', '{value}'],"
                                 " list: [l]}, restored: bank}"},
    "a machine": {"when": "node_down: {node: {running: app=web}}"},
    "a reboot": {"when": "reboot: {node: {running: app=web}}"},
    "Chaos Mesh's own namespace": {"when": "chaos_mesh: chaos.yaml"},
    "Chaos Mesh's selector": {"when": "chaos_mesh: selector.yaml"},
    "Chaos Mesh applied": {"given": "apply: selector.yaml"},
    "a plan": {"when": "snapshot: evil"},
    "inside of a flow": {"when": "repeat: {times: 2, steps: [{snapshot: evil}]}"},
    "a restore": {"when": "restore: {store: 'file:./store', into: bank}"},
}  # fmt: skip


def test_a_step_of_any_phase_leads_nowhere_else(project: Path) -> None:
    chaos = {"apiVersion": "chaos-mesh.org/v1alpha1", "kind": "PodChaos"}
    (project / "chaos.yaml").write_text(
        yaml.safe_dump(chaos | {"metadata": {"name": "a", "namespace": "kube-system"}, "spec": {}})
    )
    (project / "selector.yaml").write_text(
        yaml.safe_dump(
            chaos | {"metadata": {"name": "a"}, "spec": {"selector": {"namespaces": ["bank"]}}}
        )
    )
    (project / "evil.plan.yaml").write_text(PLAN)
    for number, phases in enumerate(STEPS.values()):
        scenario(project, f"s{number}", **phases)
    files = [f"s{number}.scenario.yaml" for number in range(len(STEPS))]
    done = run(project, *files)
    assert f"{len(STEPS)} failed" in done.stdout, done.stdout
    for number, what in enumerate(STEPS):
        block = done.stdout.partition(f"_ scenario: s{number} _")[2].partition("___ ")[0]
        refused = ("nothing allows acting in", "a system namespace", "nodes = true")
        assert any(why in block for why in refused), (what, done.stdout)
    assert done.returncode == 23, done.stdout
    assert not writes(project)


def test_a_backup_by_hand_runs_commands_where_consent_covers_it_alone(project: Path) -> None:
    (project / "evil.plan.yaml").write_text(PLAN)
    done = command(project, "backup", "create", "evil.plan.yaml")
    assert "nothing allows acting in namespace 'bank'" in done.stdout, done.stdout
    assert done.returncode == 1
    assert not writes(project)


def test_a_plain_backup_only_reads_and_needs_no_consent(project: Path) -> None:
    done = command(project, "backup", "create", "-n", "bank", "--store", "file:./store",
                   "--name", "plain")  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert not writes(project)
    for more in ((), ("--dry-run",)):
        back = command(project, "restore", "plain", "--store", "file:./store", *more)
        assert "nothing allows acting in namespace 'bank'" in back.stdout, back.stdout
        assert back.returncode == 1
    assert not writes(project)


TARGET = """
[targets.prod]
context = "prod"
cluster = "%s"
namespaces = ["shop"]
blackout = ["2020-01-01/2099-12-31"]
"""


@pytest.mark.parametrize("context", ["prod", "prod-alias"])
def test_a_targets_limits_hold_under_whatever_context(
    context: str, project: Path, there: HttpCluster
) -> None:
    uid = there.get(NAMESPACES, "kube-system")["metadata"]["uid"]
    (project / "resilience.toml").write_text(TARGET % uid)
    scenario(project, when="kill: {pods: app=web, count: 1}")
    done = run(project, f"--resilience-context={context}", "one.scenario.yaml")
    assert "target prod is closed" in done.stdout, done.stdout
    assert done.returncode == 23
    assert not [each for each in writes(project) if each.namespace == "shop"]


def test_a_dry_run_tells_what_it_would_do_before_anybody_consents(project: Path) -> None:
    scenario(project, when="kill: {pods: app=web, count: 1}")
    text = (project / "one.scenario.yaml").read_text().replace("shop", "bank")
    (project / "one.scenario.yaml").write_text(text)
    done = run(project, "--resilience-dry-run", "one.scenario.yaml")
    assert "victim bank/web-" in done.stdout, done.stdout
    assert "nothing allows acting in namespace 'bank'" in done.stdout
    assert done.returncode == 23
    assert not writes(project)


def test_what_is_consented_to_writes_there_alone(project: Path, there: HttpCluster) -> None:
    (project / "m.yaml").write_text(manifest("ConfigMap", "mark", data={"a": "b"}))
    scenario(project, given="apply: m.yaml", when="kill: {pods: app=web, count: 1, grace: 0s}")
    done = run(project, "one.scenario.yaml")
    assert done.returncode == 0, done.stdout
    assert {each.namespace for each in writes(project)} <= {"shop", JOURNAL, ""}
    outside = {each.path for each in writes(project) if not each.namespace}
    assert outside <= {"/api/v1/namespaces"}
    with pytest.raises(NotFound):
        there.get(PODS, "none", "shop")


def test_helper_pods_are_asked_for_within_the_consent_of_the_scenario(project: Path) -> None:
    scenario(project, when="partition: {pods: app=web}, within: 30s")
    asked = command(project, "doctor", str(project / "one.scenario.yaml"))
    assert "one: nothing would be refused" in asked.stdout, asked.stdout
    done = run(project, "one.scenario.yaml")
    assert done.returncode == 0, done.stdout
    created = [each for each in writes(project) if each.path.endswith("/namespaces/shop/pods")]
    dry = [each.query.get("dryRun") == "All" for each in created]
    assert dry[0], "a helper Pod was created before the API server was asked"
    assert not all(dry)


def test_a_restore_brings_a_binding_back_as_it_was(project: Path, there: HttpCluster) -> None:
    binding = yaml.safe_load(MANIFESTS["a binding to every right"][0])
    there.create(ROLE_BINDING, binding, "shop")
    store = ("--store", "file:./store")
    made = command(project, "backup", "create", "-n", "shop", *store, "--name", "one")
    assert made.returncode == 0, made.stdout
    there.delete(ROLE_BINDING, "all", "shop")
    back = command(project, "restore", "one", *store, "--existing", "skip")
    assert back.returncode == 0, back.stdout
    assert there.get(ROLE_BINDING, "all", "shop")["roleRef"] == binding["roleRef"]
    there.delete(ROLE_BINDING, "all", "shop")


PRIVILEGED = """
apiVersion: v1
kind: Pod
metadata: {name: agent, namespace: shop}
spec:
  containers:
    - {name: agent, image: registry.k8s.io/pause:3.9, securityContext: {privileged: true}}
"""


def test_a_restore_brings_a_pod_that_rules_its_node_back_where_nodes_consent(
    project: Path, there: HttpCluster
) -> None:
    """As a manifest; one that is there unchanged needs no consent."""
    there.create(PODS, yaml.safe_load(PRIVILEGED), "shop")
    store = ("--store", "file:./store")
    made = command(project, "backup", "create", "-n", "shop", *store, "--name", "one")
    assert made.returncode == 0, made.stdout
    back = ("restore", "one", *store, "--existing", "skip")
    assert command(project, *back).returncode == 0
    there.delete(PODS, "agent", "shop", grace=0)
    for dry in (("--dry-run",), ()):
        refused = command(project, *back, *dry)
        assert refused.returncode != 0
        assert "pods shop/agent" in refused.stdout
        assert "set `nodes = true`" in refused.stdout
        assert not _created(project)
    assert command(project, *back, "--exclude", "pods/agent").returncode == 0


def _created(folder: Path) -> list[Request]:
    return [each for each in writes(folder) if each.path.endswith("/shop/pods")
            and each.query.get("dryRun") != "All"]  # fmt: skip


WITHDRAWS = """
from pathlib import Path

from resilience.cluster.connection.wire import Wire
from resilience.cluster.requests.request import Request

sent, withdrawn = Wire.open, []


def withdraw(self):
    %s


def open_(self, request, agent=""):
    answer = sent(self, request, agent)
    scales = request.method in ("PATCH", "PUT") and "/deployments/web" in request.path
    if scales and not request.query.get("dryRun") and not withdrawn:
        withdrawn.append(request.path)
        withdraw(self)
    return answer


Wire.open = open_
"""
"""A person takes consent away at the very moment after the first change."""

LABEL_GONE = """sent(self, Request("PATCH", "/api/v1/namespaces/shop",
         body={"metadata": {"labels": {"resilience/consent": None}}},
         content_type="application/merge-patch+json")).close()"""
OTHER_TARGET = """file = Path("resilience.toml")
    file.write_text(file.read_text().replace("shop", "lab"))"""
NO_TARGET = """Path("resilience.toml").unlink()"""
BROKEN_TARGET = """Path("resilience.toml").write_text("[targets")"""


@pytest.mark.parametrize(
    ("how", "why"),
    [
        (LABEL_GONE, "nothing allows acting in namespace 'shop'"),
        (OTHER_TARGET, "nothing allows acting in namespace 'shop'"),
        (NO_TARGET, "nothing allows acting in namespace 'shop'"),
        (BROKEN_TARGET, "the targets changed during the run, and cannot be read"),
    ],
    ids=["label", "target narrowed", "target gone", "target broken"],
)
def test_consent_that_is_withdrawn_ends_the_run_and_what_it_changed_is_undone(
    how: str, why: str, project: Path, there: HttpCluster
) -> None:
    labels = {"metadata": {"labels": {"resilience/consent": "allow"}}}
    if how is not LABEL_GONE:
        uid = there.get(NAMESPACES, "kube-system")["metadata"]["uid"]
        text = f'[targets.prod]\ncontext = "prod"\ncluster = "{uid}"\nnamespaces = ["shop"]\n'
        (project / "resilience.toml").write_text(text)
        there.patch(NAMESPACES, "shop", {"metadata": {"labels": {"resilience/consent": None}}})
    (project / "conftest.py").write_text(WITHDRAWS % how)
    scenario(project, when="scale: {workload: deployment/web, replicas: 3}}, {kill: {pods: app=web,"
                           " count: 1, grace: 0s}")  # fmt: skip
    try:
        done = run(project, "one.scenario.yaml")
    finally:
        there.patch(NAMESPACES, "shop", labels)
    assert done.returncode == 23, done.stdout
    assert why in done.stdout, done.stdout
    assert there.get(DEPLOYMENTS, "web", "shop")["spec"]["replicas"] == 2
    assert not [each for each in writes(project) if "/pods/" in each.path]


SCALE = "scale: {workload: deployment/web, replicas: 3}"
KILL = "kill: {pods: app=web, count: 1, grace: 0s}"
INSIDE = {
    "repeat": f"repeat: {{times: 2, steps: [{{{SCALE}}}, {{{KILL}}}]}}",
    "nested": f"repeat: {{times: 1, steps: [{{{SCALE}}}, {{repeat: {{times: 2, steps:"
              f" [{{{KILL}}}]}}}}]}}",
    "parallel": f"{SCALE}}}, {{parallel: [{{{KILL}}}, {{sleep: 10ms}}]",
    "choose": f"{SCALE}}}, {{choose: [{{{KILL}}}, {{{KILL}}}]",
}  # fmt: skip


@pytest.mark.parametrize("steps", INSIDE.values(), ids=INSIDE)
def test_a_step_inside_of_a_flow_asks_for_consent_again(
    steps: str, project: Path, there: HttpCluster
) -> None:
    """kube-monkey#33: victims that were put on the list of exceptions after they were chosen."""
    (project / "conftest.py").write_text(WITHDRAWS % LABEL_GONE)
    scenario(project, when=steps)
    try:
        done = run(project, "one.scenario.yaml")
    finally:
        labels = {"metadata": {"labels": {"resilience/consent": "allow"}}}
        there.patch(NAMESPACES, "shop", labels)
    assert done.returncode == 23, done.stdout
    assert "nothing allows acting in namespace 'shop'" in done.stdout, done.stdout
    assert there.get(DEPLOYMENTS, "web", "shop")["spec"]["replicas"] == 2
    assert not [each for each in writes(project) if "/pods/" in each.path]


@pytest.mark.parametrize("privileged", [True, False])
def test_a_dry_run_answers_as_the_run_does_where_a_target_gives_the_means(
    privileged: bool, project: Path, there: HttpCluster
) -> None:
    uid = there.get(NAMESPACES, "kube-system")["metadata"]["uid"]
    target = f'[targets.prod]\ncontext = "prod"\ncluster = "{uid}"\nnamespaces = ["shop"]\n'
    (project / "resilience.toml").write_text(f"{target}privileged = {str(privileged).lower()}\n")
    scenario(project, when="crash: {pods: app=web, count: 1}")
    done = run(project, "--resilience-dry-run", "one.scenario.yaml")
    assert ("refused by guard" in done.stdout) is not privileged, done.stdout
    assert done.returncode == (0 if privileged else 23), done.stdout
    assert "victim shop/web-" in done.stdout
    assert ("privileged = true" in done.stdout) is not privileged
    assert not [each for each in writes(project) if each.query.get("dryRun") != "All"]


def test_doctor_names_the_systems_pods_that_a_drain_would_meet(
    project: Path, there: HttpCluster
) -> None:
    uid = there.get(NAMESPACES, "kube-system")["metadata"]["uid"]
    text = f'[targets.prod]\ncontext = "prod"\ncluster = "{uid}"\nnodes = true\nnamespaces = %s\n'
    scenario(project, when="drain: {node: {running: app=web}}")
    used = {each["spec"]["nodeName"] for each in there.list(PODS, "shop")}
    node = min(used)
    pod = {"metadata": {"name": "dns"}, "spec": {"nodeName": node, "containers": [
        {"name": "c", "image": "registry.k8s.io/pause:3.10"}]}}  # fmt: skip
    made = there.create(PODS, pod, "kube-system")
    try:
        for names, told in (('["shop"]', True), ('["shop", "kube-system"]', False)):
            (project / "resilience.toml").write_text(text % names)
            done = command(project, "doctor", "one.scenario.yaml")
            assert (f"kube-system/dns on {node}" in done.stdout) is told, done.stdout
    finally:
        there.delete(PODS, "dns", "kube-system", uid=made["metadata"]["uid"], grace=0)
