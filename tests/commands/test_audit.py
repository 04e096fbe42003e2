"""`resilience audit` as its users see it: files, stdin, a cluster; exit codes; baselines."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from resilience.cluster.access.embedded import Embedded
from resilience.cluster.interface import DEPLOYMENTS, NAMESPACES
from resilience.cluster.transport import HttpCluster
from tests.commands.test_command import SOURCE, resilience

LONE = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: registry.k8s.io/pause}]}
"""


def test_a_file_is_judged_and_the_level_decides_the_exit_code(tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text(LONE)
    calm = resilience("audit", "web.yaml", cwd=tmp_path)
    assert calm.returncode == 0
    assert "warning: a single Pod is the whole service [single-replica]" in calm.stdout
    assert "web.yaml:1" in calm.stdout
    assert "- kill: {owner: deployment/web, count: 1}" in calm.stdout
    for level, code in (("warning", 1), ("info", 1), ("never", 0)):
        assert resilience("audit", "web.yaml", "--fail-on", level, cwd=tmp_path).returncode == code


def test_standard_input_is_read_as_helm_writes_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "resilience", "audit", "-", "-o", "json"],
        input=f"---\n# Source: shop/templates/web.yaml\n{LONE}",
        cwd=tmp_path, capture_output=True, text=True, timeout=60, env={"PYTHONPATH": str(SOURCE)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {each["rule"] for each in json.loads(done.stdout)["findings"]} >= {"single-replica"}


def test_what_cannot_be_read_is_told_and_fails(tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text(LONE + "---\nkind: {{ .Values.kind }}\n")
    done = resilience("audit", "web.yaml", "none.yaml", cwd=tmp_path)
    assert done.returncode == 1
    assert "not read: web.yaml:" in done.stdout
    assert "not read: none.yaml cannot be read: No such file" in done.stdout
    assert "single-replica" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_baseline_makes_the_next_run_quiet(tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text(LONE)
    wrote = resilience(
        "audit", "web.yaml", "--write-baseline", "known.yaml", "--reason", "old", cwd=tmp_path
    )
    assert wrote.returncode == 0
    assert "findings accepted" in wrote.stdout
    quiet = resilience(
        "audit", "web.yaml", "--baseline", "known.yaml", "--fail-on", "info", cwd=tmp_path
    )
    assert quiet.returncode == 0, quiet.stdout
    assert quiet.stdout.startswith("0 findings in 1 object; ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["web.yaml", "--only", "x"], "'x' is not a rule; `resilience audit --list` shows all"),
        (["web.yaml", "--skip", "latest-tga"], "is not a rule; did you mean `latest-tag`?"),
        (["web.yaml", "--baseline", "none.yaml"], "none.yaml cannot be read"),
        (["web.yaml", "--out", "web.yaml/x"], "cannot be written"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, arguments: list[str], said: str) -> None:
    (tmp_path / "web.yaml").write_text(LONE)
    done = resilience("audit", *arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_rules_are_chosen_listed_and_left_out(tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text(LONE)
    listed = resilience("audit", "--list", cwd=tmp_path).stdout.splitlines()
    assert len(listed) > 45
    only = resilience("audit", "web.yaml", "--only", "latest-tag", "-o", "json", cwd=tmp_path)
    assert {each["rule"] for each in json.loads(only.stdout)["findings"]} == {"latest-tag"}
    less = resilience("audit", "web.yaml", "--skip", "latest-tag", "-o", "json", cwd=tmp_path)
    assert "latest-tag" not in {each["rule"] for each in json.loads(less.stdout)["findings"]}


def test_a_plan_covers_its_namespaces(tmp_path: Path) -> None:
    claim = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data, namespace: shop}\n"
    (tmp_path / "claim.yaml").write_text(claim)
    bare = resilience("audit", "claim.yaml", "--only", "no-backup-plan", cwd=tmp_path)
    assert "no-backup-plan" in bare.stdout
    (tmp_path / "backups").mkdir()
    plan = "plan: shop\nnamespaces: [shop]\nstore: file:x\nobjective: {rpo: 26h}\n"
    (tmp_path / "backups" / "shop.plan.yaml").write_text(plan)
    covered = resilience("audit", "claim.yaml", "--only", "no-backup-plan", cwd=tmp_path)
    assert covered.stdout.startswith("0 findings")


def test_a_cluster_is_read_and_nothing_is_written(
    tmp_path: Path, embedded: Embedded, admin: HttpCluster
) -> None:
    admin.create(NAMESPACES, {"metadata": {"name": "shop"}})
    web = {
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": "registry.k8s.io/pause:3.10"}]},
            },
        },
    }
    admin.create(DEPLOYMENTS, web, "shop")
    before = admin.get(DEPLOYMENTS, "web", "shop")["metadata"]["uid"]
    kubeconfig = ("--kubeconfig", str(embedded.kubeconfig))
    done = resilience("audit", "-n", "shop", *kubeconfig, "-o", "json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    told = {(each["rule"], each["object"]) for each in document["findings"]}
    assert ("single-replica", "shop/Deployment/web") in told
    assert {reason for reason in document["not_checked"].values()} == {"it reads manifests only"}
    everywhere = resilience("audit", "-A", *kubeconfig, "-o", "json", cwd=tmp_path)
    assert told <= {
        (each["rule"], each["object"]) for each in json.loads(everywhere.stdout)["findings"]
    }
    absent = resilience("audit", "-n", "absent", *kubeconfig, cwd=tmp_path)
    assert absent.returncode == 1
    assert "namespace 'absent' does not exist" in absent.stderr
    assert admin.get(DEPLOYMENTS, "web", "shop")["metadata"]["uid"] == before
