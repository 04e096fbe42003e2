"""A drill where every image, the canary's too, is in a private registry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from resilience.backup.drills.wall.pull_secrets import pull_secrets
from resilience.cluster.interface import Object
from tests.backup.plans.test_plan_items import run


def secret(name: str, kind: str = "kubernetes.io/dockerconfigjson", where: str = "shop") -> Object:
    metadata = {"name": name, "namespace": where}
    return {"apiVersion": "v1", "kind": "Secret", "type": kind, "metadata": metadata, "data": {}}


def naming(kind: str, version: str, *names: str, **spec: Any) -> Object:
    named = [{"name": name} for name in names]
    pod = {"containers": [{}], "imagePullSecrets": named}
    found: Object = {"apiVersion": version, "kind": kind}
    found["metadata"] = {"name": "a", "namespace": "shop"}
    if kind == "ServiceAccount":
        return found | {"imagePullSecrets": named}
    return found | {"spec": pod if kind == "Pod" else {**spec, "template": {"spec": pod}}}


def test_logins_that_pods_templates_and_accounts_name_are_taken() -> None:
    named = [
        naming("Pod", "v1", "by-pod"),
        naming("Deployment", "apps/v1", "by-template"),
        naming("ServiceAccount", "v1", "by-account", "gone"),
    ]
    held = [secret(name) for name in ("by-pod", "by-template", "by-account", "by-nobody")]
    found = [each["metadata"]["name"] for each in pull_secrets([*held, *named])]
    assert found == ["by-account", "by-pod", "by-template"]


def test_nothing_but_a_login_of_the_same_namespace_is_taken() -> None:
    named = naming("Pod", "v1", "opaque", "elsewhere", "old")
    others = [secret("opaque", "Opaque"), secret("elsewhere", where="other")]
    old = secret("old", "kubernetes.io/dockercfg")
    assert pull_secrets([named, *others, old]) == [old]
    odd: Object = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "a"}}
    assert not pull_secrets([odd | {"imagePullSecrets": [None, "x", {}]}])


IMAGES = """\
[sandbox.images]
"registry.example.com/agnhost" = {image = "agnhost", login = "puller:s3cret"}
"registry.example.com/python" = {image = "python", login = "puller:s3cret"}
"""
LOGIN = '{"auths": {"registry.example.com": {"username": "puller", "password": "s3cret"}}}'
MANIFEST = f"""\
apiVersion: v1
kind: Namespace
metadata: {{name: private}}
---
apiVersion: v1
kind: Secret
type: kubernetes.io/dockerconfigjson
metadata: {{name: registry, namespace: private}}
stringData: {{.dockerconfigjson: '{LOGIN}'}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: private}}
spec:
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      imagePullSecrets: [{{name: registry}}]
      containers: [{{name: web, image: "registry.example.com/agnhost:2"}}]
"""
PLAN = """\
plan: private
namespaces: [private]
given:
  - apply: web.yaml
  - ready: deployment/web
  - snapshot: this
store: file:./store
helper_image: registry.example.com/python:3.13
drill: {then: [{matches_snapshot: {as: snapshot}}]}
"""


def test_the_first_canary_pulls_its_image_with_a_recorded_login(tmp_path: Path) -> None:
    (tmp_path / "resilience.toml").write_text(IMAGES)
    (tmp_path / "web.yaml").write_text(MANIFEST)
    plan = tmp_path / "private.plan.yaml"
    plan.write_text(PLAN)
    done = run(plan, "-m", "drill", store=tmp_path, cwd=tmp_path)
    assert "1 passed" in done.stdout, done.stdout
    (tmp_path / "web.yaml").write_text(MANIFEST.replace("s3cret", "wrong"))
    plan.write_text(PLAN.replace("  - ready: deployment/web\n", ""))
    done = run(plan, "-m", "drill", store=tmp_path, cwd=tmp_path)
    assert "canary private-drill/resilience-canary cannot run: ErrImagePull" in done.stdout
