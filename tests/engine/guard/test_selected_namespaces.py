"""Namespaces by their labels on a real cluster: consent, locks, permissions and the door for each.

The sandbox by another name is treated as a real cluster; what a run sent is read from its record.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
import yaml

from resilience.cluster.access.embedded import Embedded
from resilience.cluster.interface import DEPLOYMENTS, LEASES, NAMESPACES
from resilience.cluster.transport import HttpCluster
from tests.real_cluster import account, applied, called, deleted, printed
from tests.recorded import Request, requests

SPACE = """
apiVersion: v1
kind: Namespace
metadata: {name: %s, labels: {team: %s%s}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: %s}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: c, image: "registry.k8s.io/pause:3.10"}]
"""
SCENARIO = """
scenario: any of the team
settle: 10ms
when:
  - kill: {namespaces: "%s", kinds: [deployment], count: %s}
then:
  - recovered: {}
    within: 60s
"""
CONSENT = ", resilience/consent: allow"
SPACES = {"shop-a": ("shop", CONSENT), "shop-b": ("shop", CONSENT), "bank": ("bank", ""),
          "mixed": ("mixed", CONSENT), "mixed-not": ("mixed", "")}  # fmt: skip


@pytest.fixture(scope="module")
def there(admin: HttpCluster) -> HttpCluster:
    for name, (team, consent) in SPACES.items():
        applied(admin, SPACE % (name, team, consent, name))
    for name in SPACES:
        with admin.view(DEPLOYMENTS, name) as view:
            assert view.wait(lambda all_: all_[0].get("status", {}).get("readyReplicas") == 2, 60)
    return admin


@pytest.fixture
def project(tmp_path: Path, embedded: Embedded, there: HttpCluster) -> Path:
    """A folder whose kubeconfig does not show that it is the sandbox."""
    config = yaml.safe_load(embedded.kubeconfig.read_text())
    cluster = config["clusters"][0]["cluster"]
    cluster["server"] = cluster["server"].replace("127.0.0.1", "localhost")
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nasyncio_default_fixture_loop_scope = function\n"
    )
    return tmp_path


def run(
    folder: Path, labels: str, *arguments: str, count: str = "all", text: str = SCENARIO
) -> tuple[int, str]:
    """pytest's exit code and output."""
    (folder / "one.scenario.yaml").write_text(text % (labels, count))
    done = called(folder, "-m", "tests.recorded", str(folder / "requests"), "pytest", "-q", "-p",
                  "no:cacheprovider", f"--resilience-kubeconfig={folder / 'kubeconfig'}",
                  *arguments)  # fmt: skip
    return done.returncode, done.stdout


def writes(folder: Path) -> list[Request]:
    return [each for each in requests(folder / "requests") if each.writes]


def leases(folder: Path) -> set[str]:
    return {each.path.rpartition("/")[2] for each in writes(folder)
            if "/leases/" in each.path}  # fmt: skip


def test_each_namespace_has_its_lock_and_no_other_one_is_touched(project: Path) -> None:
    code, out = run(project, "team=shop")
    assert code == 0, out
    assert leases(project) == {"namespace-shop-a", "namespace-shop-b"}
    killed = [each.path for each in writes(project) if "/pods/" in each.path]
    assert len(killed) == 4
    assert all("/shop-a/" in path or "/shop-b/" in path for path in killed)
    assert "/namespaces/default/" not in "".join(each.path for each in writes(project))


@pytest.mark.parametrize("dry", [(), ("--resilience-dry-run",)], ids=["run", "dry run"])
def test_one_namespace_without_consent_refuses_all_by_its_name(
    dry: tuple[str, ...], project: Path
) -> None:
    code, out = run(project, "team=mixed", *dry)
    assert code == 23, out
    assert "nothing allows acting in namespace 'mixed-not'" in out
    assert not [each for each in writes(project) if "/pods/" in each.path]


def test_a_dry_run_names_the_victims_of_each_namespace(project: Path) -> None:
    code, out = run(project, "team=shop", "--resilience-dry-run")
    assert code == 0, out
    assert "kill all Pods in namespaces team=shop" in " ".join(out.split())
    assert out.count("victim shop-a/web-") == out.count("victim shop-b/web-") == 2


def test_a_targets_limits_count_all_namespaces_together(project: Path, there: HttpCluster) -> None:
    uid = there.get(NAMESPACES, "kube-system")["metadata"]["uid"]
    [context] = yaml.safe_load((project / "kubeconfig").read_text())["contexts"]
    (project / "resilience.toml").write_text(
        f'[targets.here]\ncontext = "{context["name"]}"\ncluster = "{uid}"\n'
        'namespace_selectors = ["team"]\nmax_pods = 3\n'
    )
    code, out = run(project, "team=shop")
    assert code == 23, out
    assert "4 Pods would be harmed by this run, but target here allows max_pods = 3" in out


def test_nobody_meant_is_not_a_pass(project: Path) -> None:
    code, out = run(project, "team=shopp")
    assert code == 21, out
    assert "no namespace is labelled team=shopp" in out
    assert "did you mean `team=shop`?" in out


def test_a_namespace_that_comes_while_the_run_goes_on_is_not_harmed(
    project: Path, there: HttpCluster
) -> None:
    """`bank` joins the team once the locks are held: it neither consented nor was it locked."""

    def join() -> None:
        with there.view(LEASES, "resilience-journal") as view:
            assert view.wait(lambda held: any(each["metadata"]["name"] == "namespace-shop-a" and (
                each["spec"].get("holderIdentity")) for each in held), 60)  # fmt: skip
        there.patch(NAMESPACES, "bank", {"metadata": {"labels": {"team": "shop"}}})

    later = SCENARIO.replace("when:\n", "when:\n  - sleep: 5s\n")
    joining = Thread(target=join)
    joining.start()
    try:
        code, out = run(project, "team=shop", text=later)
    finally:
        joining.join()
        there.patch(NAMESPACES, "bank", {"metadata": {"labels": {"team": "bank"}}})
    assert code == 23, out
    assert "Pods of namespace bank would be harmed" in out
    assert not [each for each in writes(project) if "/pods/" in each.path]


@contextmanager
def as_account(project: Path, there: HttpCluster, embedded: Embedded) -> Iterator[None]:
    """The project's kubeconfig names the ServiceAccount `daily` meanwhile."""
    applied(there, "apiVersion: v1\nkind: ServiceAccount\n"
                   "metadata: {name: daily, namespace: default}\n")  # fmt: skip
    before = (project / "kubeconfig").read_text()
    mine = yaml.safe_load(account(there, embedded, project, "daily", "default").read_text())
    mine["clusters"] = yaml.safe_load(before)["clusters"]
    (project / "kubeconfig").write_text(yaml.safe_dump(mine))
    yield
    (project / "kubeconfig").write_text(before)


def test_without_permission_to_read_namespaces_it_is_refused_in_words(
    project: Path, there: HttpCluster, embedded: Embedded
) -> None:
    with as_account(project, there, embedded):
        code, out = run(project, "team=shop")
    assert code == 23, out
    assert "the namespaces labelled team=shop cannot be listed" in out
    assert "resilience rbac" in out
    assert "Traceback" not in out


def test_what_rbac_prints_is_enough_and_can_be_narrowed(
    project: Path, there: HttpCluster, embedded: Embedded
) -> None:
    """Once for the whole cluster, once for two namespaces only."""
    (project / "one.scenario.yaml").write_text(SCENARIO % ("team=shop", "1"))
    whole = ("rbac", "--service-account", "default:daily", "one.scenario.yaml")
    narrow = (*whole, "--selected", "shop-a", "--selected", "shop-b")
    for arguments in (whole, narrow):
        roles = applied(there, printed(project, *arguments))
        wide = [rule for each in roles if each["kind"] == "ClusterRole" for rule in each["rules"]]
        deletes = [rule for rule in wide if "delete" in rule["verbs"]]
        assert bool(deletes) is (arguments is whole)
        with as_account(project, there, embedded):
            code, out = run(project, "team=shop", count="1")
        deleted(there, roles)
        assert code == 0, out
