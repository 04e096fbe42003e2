"""`resilience init --from-namespace`: what is written runs at once on that cluster. End to end."""

from __future__ import annotations

from pathlib import Path
from threading import Barrier

import pytest

from resilience.cluster.access.embedded import Embedded
from resilience.cluster.interface import NAMESPACES
from resilience.cluster.transport import HttpCluster
from resilience.commands.init_namespace import _measured
from resilience.drafts.questions import Question
from tests.commands.test_command import SOURCE, resilience
from tests.spaces import leaving

SHOP = SOURCE / "scenarios" / "manifests" / "checkout.yaml"


@pytest.fixture
def shop(embedded: Embedded, admin: HttpCluster, tmp_path: Path) -> Embedded:
    """A namespace with three web servers behind a Service, ready."""
    from resilience.actions.shared import manifests
    from resilience.cluster.interface import DEPLOYMENTS
    from resilience.kube import readiness

    admin.create(NAMESPACES, {"metadata": {"name": "shop"}})
    for each in manifests.read(SHOP):
        resource = admin.resource(each.body["apiVersion"], each.body["kind"])
        admin.create(resource, each.body, "shop")
    with admin.view(DEPLOYMENTS, "shop") as view:
        assert view.wait(
            lambda found: bool(found) and readiness.shortfall(found[0], None) is None, 60
        )
    return embedded


def test_what_it_writes_runs_at_once_and_is_never_overwritten(
    shop: Embedded, tmp_path: Path
) -> None:
    where = ("--kubeconfig", str(shop.kubeconfig))
    done = resilience("init", "--from-namespace", "shop", "--baseline", "3", *where, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "scenarios" / "checkout.scenario.yaml").read_text()
    assert "path: /hostname, status: 200" in text
    assert "measured without any fault" in text
    assert not (tmp_path / "backups").exists()
    assert not (tmp_path / "resilience.toml").exists(), "a sandbox needs no target"
    rehearsed = resilience("run", "scenarios", *where, "--dry-run", cwd=tmp_path, timeout=120)
    assert "6 skipped" in rehearsed.stdout, rehearsed.stdout
    ran = resilience("run", "scenarios", *where, "-k", "lose-one", cwd=tmp_path, timeout=120)
    assert "1 passed" in ran.stdout, ran.stdout
    again = resilience("init", "--from-namespace", "shop", "--baseline", "0", *where, cwd=tmp_path)
    assert again.returncode == 1
    assert "exists already; nothing was written" in again.stderr


def test_a_namespace_that_is_going_is_named_and_nothing_is_written(
    embedded: Embedded, admin: HttpCluster, tmp_path: Path
) -> None:
    where = ("--kubeconfig", str(embedded.kubeconfig), "--baseline", "0")
    with leaving(admin) as going:
        done = resilience("init", "mine", "--from-namespace", going, *where, cwd=tmp_path)
    assert done.returncode == 1
    assert f"namespace {going} is being deleted; nothing was written" in done.stderr
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize("services", [1, 20, 64])
def test_all_baselines_are_measured_at_the_same_time(services: int) -> None:
    """None begins its second request before each has begun its first."""
    together = Barrier(services)
    begun = set[str]()

    class Cluster:
        def answered(self, path: str, timeout: float) -> int:
            if path not in begun:
                begun.add(path)
                together.wait(60)
            return 200

    questions = {f"deployment/app-{n}": Question(service=f"app-{n}", port=80, path="/",
                                                 status=200) for n in range(services)}  # fmt: skip
    found = _measured(Cluster(), "shop", questions, 0.05)  # type: ignore[arg-type]
    assert len(begun) == services
    assert all(each.good == each.asked >= 1 for each in found.values())


def test_manifests_are_applied_by_what_is_written_for_them(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(SHOP.read_text())
    done = resilience("init", "--from-manifests", "shop.yaml", "--namespace", "shop", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    ran = resilience("run", "scenarios", "-k", "lose-one", cwd=tmp_path, timeout=120)
    assert "1 passed" in ran.stdout, ran.stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind: {{ .Values.kind }}\n", "helm template"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n", "no Deployment"),
    ],
)
def test_manifests_that_cannot_be_used_are_told_and_nothing_is_written(
    tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "shop.yaml").write_text(text)
    done = resilience("init", "--from-manifests", "shop.yaml", cwd=tmp_path)
    assert done.returncode == 1
    assert said in done.stderr
    assert sorted(each.name for each in tmp_path.iterdir()) == ["shop.yaml"]


def test_a_namespace_that_is_not_there_is_told(embedded: Embedded, tmp_path: Path) -> None:
    where = ("--kubeconfig", str(embedded.kubeconfig))
    done = resilience("init", "--from-namespace", "absent", *where, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "namespace 'absent' does not exist" in done.stderr


def test_ci_and_plan_are_written_and_a_sandbox_gets_no_target(
    embedded: Embedded, tmp_path: Path
) -> None:
    where = ("--kubeconfig", str(embedded.kubeconfig))
    assert resilience("init", "ci", "--namespace", "shop", cwd=tmp_path).returncode == 0
    assert "create namespace shop" in (tmp_path / ".github/workflows/resilience.yaml").read_text()
    assert resilience("init", "ci", "--gitlab", cwd=tmp_path).returncode == 0
    planned = resilience("init", "plan", "--namespace", "default", *where, cwd=tmp_path)
    assert planned.returncode == 0, planned.stderr
    assert "plan: default" in (tmp_path / "backups" / "default.plan.yaml").read_text()
    refused = resilience("init", "target", *where, cwd=tmp_path)
    assert refused.returncode == 1
    assert "needs no target" in refused.stderr
