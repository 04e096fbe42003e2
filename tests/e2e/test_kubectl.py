"""kubectl, unmodified, against a whole sandbox: what people type, with each kubectl there is.

The kubectl of the PATH and the newest one of the package index (see `newest_kubectl.py`) both run
every test. Waiting is kubectl's own (`wait`, `rollout status`, `--watch`), never a sleep here.
"""

from __future__ import annotations

import os
import subprocess
import urllib.request
from pathlib import Path

from tests.e2e.kubectl import WEB, Kubectl

CLAIM = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: NAME}
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 1Gi}}
---
apiVersion: v1
kind: Pod
metadata: {name: NAME}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: app
    image: registry.k8s.io/e2e-test-images/agnhost:2.45
    args: [pause]
    volumeMounts: [{name: data, mountPath: /data}]
  volumes: [{name: data, persistentVolumeClaim: {claimName: NAME}}]
"""
SNAPSHOT = """
apiVersion: snapshot.storage.k8s.io/v1
kind: VolumeSnapshot
metadata: {name: snap}
spec: {source: {persistentVolumeClaimName: old}}
"""
FROM_SNAPSHOT = """
  dataSource: {apiGroup: snapshot.storage.k8s.io, kind: VolumeSnapshot, name: snap}
---"""


def test_get_prints_the_real_columns(web: Kubectl) -> None:
    head, *rows = web("get", "pods", "-o", "wide").splitlines()
    assert head.split() == [
        "NAME",
        "READY",
        "STATUS",
        "RESTARTS",
        "AGE",
        "IP",
        "NODE",
        "NOMINATED",
        "NODE",
        "READINESS",
        "GATES",
    ]
    assert [row.split()[1:3] for row in rows] == [["1/1", "Running"]] * 3
    nodes = {row.split()[6] for row in rows}
    assert nodes == {"node-1", "node-2", "node-3"}
    assert web("get", "deployment", "web", "--no-headers").split()[1:4] == ["3/3", "3", "3"]


def test_apply_is_idempotent_and_diff_shows_the_difference(web: Kubectl) -> None:
    assert "unchanged" in web("apply", "-f", "-", stdin=WEB)
    assert web("diff", "-f", "-", stdin=WEB) == ""
    code, out, _ = web.run("diff", "-f", "-", stdin=WEB.replace("replicas: 3", "replicas: 2"))
    assert code == 1
    assert "-  replicas: 3" in out
    assert "+  replicas: 2" in out


def test_server_side_apply_conflicts_and_forces(web: Kubectl) -> None:
    other = ("apply", "--server-side", "--field-manager=other", "-f", "-")
    changed = WEB.replace("replicas: 3", "replicas: 2")
    assert "conflict with" in web.fails(*other, stdin=changed)
    web(*other, "--force-conflicts", stdin=changed)
    assert web("get", "deployment/web", "-o", "jsonpath={.spec.replicas}") == "2"


def test_an_unknown_field_is_an_error_before_anything_changes(kubectl: Kubectl) -> None:
    text = kubectl.fails("apply", "-f", "-", stdin=WEB.replace("replicas:", "replica:"))
    assert 'unknown field "spec.replica"' in text
    assert "NotFound" in kubectl.fails("get", "deployment", "web")


def test_what_kubernetes_refuses_reads_as_it_does_there(web: Kubectl) -> None:
    patch = '{"spec":{"selector":{"matchLabels":{"a":"b"}}}}'
    assert "field is immutable" in web.fails("patch", "deployment/web", "-p", patch)
    assert web.fails("patch", "deployment/web", "-p", '{"spec":{"replicas":-1}}').strip() == (
        'The Deployment "web" is invalid: spec.replicas: Invalid value: -1: must be greater than or'
        " equal to 0"
    )


def test_patches_labels_annotations_and_taints(web: Kubectl) -> None:
    web("label", "deployment/web", "tier=front")
    web("annotate", "deployment/web", "note=x")
    assert web("get", "deployments", "-l", "tier=front", "-o", "name").strip() == (
        "deployment.apps/web"
    )
    web(
        "patch",
        "deployment/web",
        "--type=json",
        "-p",
        '[{"op":"remove","path":"/metadata/annotations/note"}]',
    )
    assert web("get", "deployment/web", "-o", "jsonpath={.metadata.annotations.note}") == ""


def test_kubectl_scales_restarts_and_undoes_a_rollout(web: Kubectl) -> None:
    web("scale", "deployment/web", "--replicas=2")
    web("rollout", "restart", "deployment/web")
    web("rollout", "status", "deployment/web", "--timeout=120s")
    assert len(web("rollout", "history", "deployment/web").strip().splitlines()) == 4
    web("rollout", "undo", "deployment/web")
    web("rollout", "pause", "deployment/web")
    web("rollout", "resume", "deployment/web")
    web("wait", "--for=condition=Available", "deployment/web", "--timeout=120s")


def test_an_undone_rollout_has_the_old_template_and_a_new_revision(web: Kubectl) -> None:
    web("set", "image", "deployment/web", "web=registry.k8s.io/e2e-test-images/agnhost:2.46")
    web("rollout", "status", "deployment/web", "--timeout=120s")
    history = web("rollout", "history", "deployment/web").strip().splitlines()
    assert [line.split()[0] for line in history[2:]] == ["1", "2"]
    assert "agnhost:2.45" in web("rollout", "history", "deployment/web", "--revision=1")
    assert "rolled back" in web("rollout", "undo", "deployment/web", "--to-revision=1")
    web("rollout", "status", "deployment/web", "--timeout=120s")
    image = "jsonpath={.spec.template.spec.containers[0].image}"
    assert web("get", "deployment/web", "-o", image).endswith("agnhost:2.45")
    history = web("rollout", "history", "deployment/web").strip().splitlines()
    assert [line.split()[0] for line in history[2:]] == ["2", "3"]


def test_a_paused_rollout_starts_nothing_until_it_is_resumed(web: Kubectl) -> None:
    assert "paused" in web("rollout", "pause", "deployment/web")
    assert "already paused" in web.fails("rollout", "pause", "deployment/web")
    assert "can't restart paused" in web.fails("rollout", "restart", "deployment/web")
    web("set", "image", "deployment/web", "web=registry.k8s.io/e2e-test-images/agnhost:2.46")
    seen = "jsonpath={.status.observedGeneration}={.metadata.generation}"
    generation = web("get", "deployment/web", "-o", "jsonpath={.metadata.generation}")
    web("wait", f"--for=jsonpath={{.status.observedGeneration}}={generation}", "deployment/web")
    assert web("get", "deployment/web", "-o", seen) == f"{generation}={generation}"
    assert len(web("get", "replicasets", "-o", "name").split()) == 1
    web("rollout", "resume", "deployment/web")
    web("rollout", "status", "deployment/web", "--timeout=120s")
    assert len(web("get", "replicasets", "-o", "name").split()) == 2


def test_a_taint_keeps_pods_off_until_it_is_taken_away(kubectl: Kubectl) -> None:
    taint = f"{kubectl.namespace}=yes"
    try:
        assert "node/node-3 tainted" in kubectl("taint", "nodes", "node-3", f"{taint}:NoSchedule")
        told = kubectl("describe", "node", "node-3")
        assert f"{taint}:NoSchedule" in told
        assert "already has" in kubectl.fails("taint", "nodes", "node-3", f"{taint}:NoSchedule")
        chosen = '{"spec":{"nodeSelector":{"kubernetes.io/hostname":"node-3"}}}'
        image = "--image=registry.k8s.io/pause:3.9"
        kubectl("run", "off", image, f"--overrides={chosen}")
        kubectl("wait", "--for=condition=PodScheduled=false", "pod/off", "--timeout=120s")
        assert "untolerated taint" in kubectl("describe", "pod", "off")
    finally:
        out = kubectl("taint", "nodes", "node-3", f"{kubectl.namespace}-")
    assert "node/node-3 untainted" in out
    kubectl("wait", "--for=condition=Ready", "pod/off", "--timeout=120s")


def test_cp_brings_files_there_and_back(kubectl: Kubectl, tmp_path: Path) -> None:
    kubectl("apply", "-f", "-", stdin=CLAIM.replace("NAME", "box"))
    kubectl("wait", "--for=condition=Ready", "pod/box", "--timeout=120s")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "big").write_bytes(os.urandom(2_000_000))
    (folder / "text").write_text("hello")
    kubectl("cp", str(folder), "box:/data/there")
    assert kubectl("exec", "box", "--", "cat", "/data/there/text") == "hello"
    kubectl("cp", "box:/data/there/big", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == (folder / "big").read_bytes()
    assert kubectl.fails("cp", "box:/data/absent", str(tmp_path / "none"))


def test_kubectl_port_forward_carries_requests(web: Kubectl) -> None:
    environment = {
        **os.environ,
        "KUBECONFIG": str(web.kubeconfig),
        "HOME": str(web.home),
    }
    forwarding = subprocess.Popen(
        [web.program, "-n", web.namespace, "port-forward", "deployment/web", ":8080"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        assert forwarding.stdout is not None
        line = forwarding.stdout.readline()
        assert line.startswith("Forwarding from 127.0.0.1:")
        port = line.split(":")[1].split()[0]
        found = set()
        for _ in range(5):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/hostname", timeout=120) as answer:
                found.add(answer.read().decode().strip())
        assert len(found) == 1
        assert found <= set(web("get", "pods", "-o", "jsonpath={.items[*].metadata.name}").split())
    finally:
        forwarding.terminate()
        forwarding.communicate(timeout=120)


def test_logs_and_exec_reach_the_pod(web: Kubectl) -> None:
    assert "Started HTTP server" in web("logs", "deployment/web", "--all-pods=false")
    name = web("get", "pods", "-o", "jsonpath={.items[0].metadata.name}")
    assert web("exec", name, "--", "hostname").strip() == name


def test_describe_and_events_tell_the_story(web: Kubectl) -> None:
    assert "Scaled up replica set" in web("describe", "deployment/web")
    name = web("get", "pods", "-o", "jsonpath={.items[0].metadata.name}")
    told = web("describe", "pod", name)
    assert "Successfully assigned" in told
    assert "Started" in web("events", "--for", f"pod/{name}")


def test_a_watch_prints_what_happens(web: Kubectl) -> None:
    environment = {**os.environ, "KUBECONFIG": str(web.kubeconfig), "HOME": str(web.home)}
    watching = subprocess.Popen(
        [web.program, "-n", web.namespace, "get", "pods", "--watch-only", "--no-headers"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        assert watching.stdout is not None
        web("delete", "pods", "--all", "--wait=false")
        seen = ""
        while "Terminating" not in seen:
            line = watching.stdout.readline()
            assert line
            seen += line
            if "Terminating" not in seen:
                web("delete", "pods", "--all", "--wait=false")
    finally:
        watching.terminate()
        watching.communicate(timeout=120)


def test_drain_waits_for_the_budget(web: Kubectl) -> None:
    web("create", "poddisruptionbudget", "web", "--selector=app=web", "--max-unavailable=1")
    node = web("get", "pods", "-o", "jsonpath={.items[0].spec.nodeName}")
    try:
        out = web("drain", node, "--pod-selector=app=web", "--timeout=120s")
        assert f"node/{node} drained" in out
        assert "SchedulingDisabled" in web("get", "node", node)
    finally:
        web("uncordon", node)
    web("rollout", "status", "deployment/web", "--timeout=120s")


def test_kubectl_creates_each_typed_kind(kubectl: Kubectl) -> None:
    kubectl("create", "configmap", "c", "--from-literal=a=b")
    kubectl("create", "secret", "generic", "s", "--from-literal=a=b")
    kubectl("create", "deployment", "d", "--image=registry.k8s.io/pause:3.9")
    kubectl("expose", "deployment", "d", "--port=80")
    kubectl("create", "job", "j", "--image=registry.k8s.io/pause:3.9")
    kubectl("create", "cronjob", "cj", "--image=registry.k8s.io/pause:3.9", "--schedule=1 1 * * *")
    kubectl("create", "role", "r", "--verb=get", "--resource=pods")
    kubectl("create", "rolebinding", "rb", "--role=r", "--user=bob")
    assert kubectl("get", "configmap", "c", "-o", "jsonpath={.data.a}") == "b"
    assert kubectl("auth", "can-i", "get", "pods", "--as", "bob").strip() == "yes"
    assert kubectl.fails("auth", "can-i", "delete", "pods", "--as", "bob").strip() == "no"
    assert 'User "bob" cannot list resource "pods"' in kubectl.fails("get", "pods", "--as", "bob")


def test_who_am_i_and_what_is_there(kubectl: Kubectl) -> None:
    assert "kubernetes-admin" in kubectl("auth", "whoami")
    assert kubectl("create", "token", "default").count(".") == 2
    assert "deployments" in kubectl("api-resources", "--api-group=apps")
    assert "apps/v1" in kubectl("api-versions")
    assert "maxSurge" in kubectl("explain", "deployment.spec.strategy.rollingUpdate")
    assert kubectl("get", "--raw", "/readyz") == "ok"
    assert "Metrics API not available" in kubectl.fails("top", "nodes")
    assert "Metrics API not available" in kubectl.fails("top", "pods")
    assert kubectl("auth", "can-i", "create", "pods").strip() == "yes"
    assert kubectl("auth", "can-i", "--list").startswith("Resources")
    assert "Server Version: v1.36" in kubectl("version")


def test_edit_and_replace_write_back(web: Kubectl) -> None:
    environment = {"KUBE_EDITOR": "sed -i s/replicas:.3/replicas:\\ 1/"}
    os.environ.update(environment)
    try:
        web("edit", "deployment/web")
    finally:
        del os.environ["KUBE_EDITOR"]
    assert web("get", "deployment/web", "-o", "jsonpath={.spec.replicas}") == "1"
    assert "replaced" in _replaced(web)


def _replaced(web: Kubectl) -> str:
    """Read and written back, again if its controller wrote its status in between."""
    while True:
        body = web("get", "deployment/web", "-o", "json")
        code, out, error = web.run("replace", "-f", "-", stdin=body)
        if code == 0:
            return out
        assert "the object has been modified" in error


def test_delete_waits_until_it_is_gone(web: Kubectl) -> None:
    web("delete", "deployment/web", "--cascade=foreground", "--timeout=120s")
    assert web("get", "pods", "-o", "name") == ""


def test_a_claim_made_from_a_snapshot_has_the_data_of_that_moment(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=CLAIM.replace("NAME", "old"))
    kubectl("wait", "--for=condition=Ready", "pod/old", "--timeout=120s")
    kubectl("exec", "old", "--", "sh", "-c", "echo first > /data/file")
    kubectl("apply", "-f", "-", stdin=SNAPSHOT)
    ready = "--for=jsonpath={.status.readyToUse}=true"
    kubectl("wait", ready, "volumesnapshot/snap", "--timeout=120s")
    kubectl("exec", "old", "--", "sh", "-c", "echo second > /data/file")
    restored = CLAIM.replace("NAME", "new").replace("\n---", FROM_SNAPSHOT)
    kubectl("apply", "-f", "-", stdin=restored)
    kubectl("wait", "--for=condition=Ready", "pod/new", "--timeout=120s")
    assert kubectl("exec", "new", "--", "cat", "/data/file").strip() == "first"
    assert kubectl("exec", "old", "--", "cat", "/data/file").strip() == "second"
    head, row = kubectl("get", "volumesnapshot").splitlines()
    assert head.split() == [
        "NAME",
        "READYTOUSE",
        "SOURCEPVC",
        "SOURCESNAPSHOTCONTENT",
        "RESTORESIZE",
        "SNAPSHOTCLASS",
        "SNAPSHOTCONTENT",
        "CREATIONTIME",
        "AGE",
    ]
    assert row.split()[:5] == ["snap", "true", "old", "1Gi", "standard"]
    content = kubectl("get", "vs", "snap", "-o=jsonpath={.status.boundVolumeSnapshotContentName}")
    kubectl("delete", "volumesnapshot", "snap", "--timeout=120s")
    assert "NotFound" in kubectl.fails("get", "volumesnapshotcontent", content)
