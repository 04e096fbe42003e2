"""`resilience doctor FILES` without a cluster: manifests that the sandbox would not take."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.real_cluster import resilience

SCENARIO = """
scenario: it applies something
namespace: shop
given:
  - apply: m.yaml
when:
  - choose:
      - apply: m.yaml
      - sleep: 1s
then:
  - ready: all
"""
WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: elsewhere}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: registry.k8s.io/pause:3.10
"""
CUSTOM = "---\napiVersion: example.com/v1\nkind: Wheel\nmetadata: {name: w}\n"


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (WEB + CUSTOM, 0, "the sandbox would accept 1 object; 1 object of kinds unknown to it not"),
        (WEB.replace("image:", "imgae:"), 1, "m.yaml:11:11: unknown field"),
        (WEB.replace("image:", "imgae:"), 1, "did you mean `image`?"),
        (WEB.replace("spec:\n  sel", "spec:\n  replicas: '2'\n  sel", 1), 1,
         "m.yaml:5:3: Deployment web: `spec.replicas` is a string; expected int32"),
        (WEB.replace("{app: web}}\n  temp", "{app: other}}\n  temp"), 1, "m.yaml:7:"),
        (WEB.replace("Deployment", "Deploymnet"), 1, "did you mean `Deployment` or `DaemonSet`?"),
        (WEB.replace("apps/v1", "extensions/v1beta1"), 1, "it serves it in apps/v1"),
        (WEB.replace("name: web\n", "name: web\n          name: wob\n"), 1, "given twice"),
        (WEB.replace("name: web,", "name: {{ .Values.name }},"), 1, "`helm template CHART"),
        ("- 1\n", 1, "m.yaml:1:1: not a Kubernetes object"),
        (WEB.replace("metadata: {name: web, namespace: elsewhere}", "metadata: web"), 1,
         "have to be mappings"),
    ],
)  # fmt: skip
def test_it_is_found_with_its_place(tmp_path: Path, text: str, code: int, said: str) -> None:
    (tmp_path / "a.scenario.yaml").write_text(SCENARIO)
    (tmp_path / "m.yaml").write_text(text)
    done = resilience(tmp_path, "doctor", "a.scenario.yaml")
    assert done.returncode == code, done.stdout
    assert said in done.stdout
    assert "Traceback" not in done.stdout


def test_a_cluster_that_is_named_gets_no_sandbox_and_no_manifest(tmp_path: Path) -> None:
    (tmp_path / "a.scenario.yaml").write_text(SCENARIO)
    (tmp_path / "m.yaml").write_text(WEB.replace("name: web\n", "name: web\n          name: wob\n"))
    done = resilience(tmp_path, "doctor", "a.scenario.yaml", "--kubeconfig", "nowhere")
    assert "-    sandbox: not started, since a cluster is named" in done.stdout
    [told] = [line for line in done.stdout.splitlines() if "manifests: " in line]
    assert told.startswith("BAD  manifests: m.yaml:")
    assert "given twice" in told
    assert "BAD  cluster: " in done.stdout
