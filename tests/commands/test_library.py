"""The library: every scenario is valid, and those about any service fit yours."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from resilience.audit.base.workloads import workloads
from resilience.cluster.access.embedded import Embedded
from resilience.cluster.interface import DEPLOYMENTS, NAMESPACES, SERVICES
from resilience.cluster.transport import HttpCluster
from resilience.commands import CommandError
from resilience.commands.library import HOME, SUFFIX, copied, fits_any, names, plans, pointed
from resilience.config.settings import Settings
from resilience.drafts.questions import Question
from resilience.kube import readiness
from resilience.language import load
from resilience.verbs.catalogue import catalogue
from tests.audit.objects import deployment
from tests.commands.test_command import SOURCE, resilience

ANY = [name for name in names() if fits_any((HOME / f"{name}{SUFFIX}").read_text())]


def test_there_are_thirty_and_a_plan_for_each_purpose() -> None:
    assert len(names()) >= 30
    assert len(list((SOURCE / "backups").rglob("*.plan.yaml"))) >= 5


@pytest.mark.parametrize("name", names())
def test_each_is_valid_and_is_called_as_its_file(name: str) -> None:
    loaded = load(HOME / f"{name}{SUFFIX}", None, catalogue(), os.environ)
    assert loaded.problems == ()
    [scenario] = loaded.scenarios
    assert scenario.id == name
    assert scenario.description
    assert scenario.tags


@pytest.mark.parametrize("name", plans())
def test_each_plan_is_copied_with_its_manifests(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = copied(name, "", Settings())
    loaded = load(path, None, catalogue(), os.environ)
    assert loaded.problems == ()
    [plan] = loaded.plans
    assert plan.id == name or plan.id in path.read_text()
    assert plan.store.startswith("file:../.resilience/")
    for named in re.findall(r"manifests/[\w.-]+", path.read_text()):
        assert (tmp_path / "backups" / named).exists()


def test_a_certificate_needs_a_service_that_has_one() -> None:
    [workload] = workloads([deployment("web")])
    text = (HOME / f"the-certificate-lasts{SUFFIX}").read_text()
    secure = Question(service="front", port=443, scheme="https", path="/", status=200)
    made = pointed(text, workload, secure, "shop")
    assert "service: front" in made
    assert "certificate: {expires_in: 14d}" in made
    assert "kubernetes.default" not in made
    plain = Question(service="front", port=80, scheme="http", path="/", status=200)
    with pytest.raises(CommandError, match="answers over http on port 80: it has no certificate"):
        pointed(text, workload, plain, "shop")


@pytest.mark.parametrize("name", ANY)
def test_one_about_any_service_fits_another(name: str) -> None:
    made = deployment("web.v2", kind="StatefulSet")
    made["spec"]["selector"]["matchLabels"] = {"app": "web", "app.kubernetes.io/part-of": "shop"}
    [workload] = workloads([made])
    question = Question(service="front", port=8443, scheme="https", path="/alive?a=1", status=401)
    text = pointed((HOME / f"{name}{SUFFIX}").read_text(), workload, question, "shop")
    loaded = load(Path(f"{name}{SUFFIX}"), text.encode(), catalogue(), os.environ)
    assert loaded.problems == ()
    assert "checkout" not in text
    assert "apply" not in text
    assert loaded.scenarios[0].namespace == "shop"


def test_the_demo_leaves_the_library_out_and_its_folder_takes_it() -> None:
    def collected(folder: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "pytest", "--collect-only", "-q", folder],
            cwd=SOURCE, capture_output=True, text=True, timeout=60, check=True,
        ).stdout  # fmt: skip

    assert "library" not in collected("scenarios")
    assert f"{len(names())} tests collected" in collected("scenarios/library")


def test_a_name_that_is_not_there_is_told_with_the_nearest(tmp_path: Path) -> None:
    done = resilience("run", "--library", "lose-a-majorty", cwd=tmp_path)
    assert done.returncode == 1
    assert "did you mean `lose-a-majority`?" in done.stderr
    assert "monthly-drill" in done.stderr
    plan = resilience("run", "--library", "monthly-drill", "--service", "web", cwd=tmp_path)
    assert plan.returncode == 1
    assert "monthly-drill is a plan and cannot be pointed at a Service" in plan.stderr
    assert list(tmp_path.iterdir()) == []


def test_one_with_objects_of_its_own_is_not_pointed_at_a_service(tmp_path: Path) -> None:
    done = resilience("run", "--library", "run-the-nightly-job", "--service", "web", cwd=tmp_path)
    assert done.returncode == 1
    assert "makes objects of its own" in done.stderr
    unnamed = resilience("run", "--library", "lose-all", "--service", "web", cwd=tmp_path)
    assert "name one with --context or --kubeconfig" in unnamed.stderr


def test_one_is_copied_with_its_manifests_and_run(tmp_path: Path) -> None:
    done = resilience("run", "--library", "the-limit-refuses", cwd=tmp_path, timeout=120)
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    assert (tmp_path / "scenarios" / "manifests" / "limits.yaml").exists()


def test_one_is_pointed_at_a_service_and_run(
    embedded: Embedded, admin: HttpCluster, tmp_path: Path
) -> None:
    admin.create(NAMESPACES, {"metadata": {"name": "shop"}})
    web = {
        "image": "registry.k8s.io/e2e-test-images/agnhost:2.53",
        "args": ["netexec", "--http-port=8080", "--delay-shutdown=3"],
        "lifecycle": None, "resources": {}, "securityContext": {},
        "readinessProbe": {"httpGet": {"path": "/hostname", "port": 8080}, "periodSeconds": 1},
    }  # fmt: skip
    made = deployment("web", container=web, automountServiceAccountToken=None)
    admin.create(DEPLOYMENTS, made, "shop")
    ports = [{"name": "web", "port": 8000, "targetPort": 8080}]
    spec = {"selector": {"app": "web"}, "ports": ports}
    admin.create(SERVICES, {"metadata": {"name": "front"}, "spec": spec}, "shop")
    with admin.view(DEPLOYMENTS, "shop") as view:
        assert view.wait(
            lambda found: bool(found) and readiness.shortfall(found[0], None) is None, 60
        )
    where = ("--kubeconfig", str(embedded.kubeconfig), "--namespace", "shop")
    what = ("--library", "lose-a-majority", "--service", "front")
    done = resilience("run", *what, *where, cwd=tmp_path, timeout=120)
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    text = (tmp_path / "scenarios" / "lose-a-majority-front.scenario.yaml").read_text()
    assert "service: front, port: 8000, path: /hostname, status: 200" in text
