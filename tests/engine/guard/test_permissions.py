"""The rights that files need: enough, none too many, asked for before anything is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from resilience.cluster.access.embedded import Embedded
from resilience.cluster.attributes import Attributes, attributes
from resilience.cluster.interface import Resource
from resilience.cluster.survey import WORKLOADS
from resilience.cluster.transport import HttpCluster
from resilience.engine.guard import preflight, rbac
from resilience.engine.guard.permissions import Need, merged, needed, of_pause
from resilience.language import load
from resilience.model.verb import Right
from resilience.verbs.catalogue import catalogue
from resilience.verbs.context import Refused
from tests.real_cluster import (
    KILL,
    account,
    applied,
    deleted,
    opened,
    resilience,
    scenarios,
)  # fmt: skip
from tests.recording import allows, carried_out, recorded
from tests.wanted import wanted

JOURNAL = "resilience-journal"
SERVICES = Resource("", "v1", "services", "Service")


@pytest.mark.parametrize(
    ("method", "path", "query", "expected"),
    [
        ("GET", "/api/v1/pods", {}, ("list", "", "pods", "", "")),
        ("GET", "/api/v1/namespaces/a/pods", {"watch": "true"}, ("watch", "", "pods", "a", "")),
        ("POST", "/api/v1/namespaces/a/pods/p/eviction", {},
         ("create", "", "pods/eviction", "a", "p")),
        ("GET", "/api/v1/namespaces/a", {}, ("get", "", "namespaces", "a", "a")),
        ("PUT", "/api/v1/namespaces/a/finalize", {},
         ("update", "", "namespaces/finalize", "a", "a")),
        ("PATCH", "/apis/apps/v1/namespaces/a/deployments/d/scale", {},
         ("patch", "apps", "deployments/scale", "a", "d")),
        ("DELETE", "/api/v1/nodes/n", {}, ("delete", "", "nodes", "", "n")),
        ("DELETE", "/api/v1/namespaces/a/pods", {}, ("deletecollection", "", "pods", "a", "")),
    ],
)  # fmt: skip
def test_a_request_asks_for_what_the_api_server_reads_off_it(
    method: str, path: str, query: dict[str, str], expected: tuple[str, ...]
) -> None:
    verb, group, resource, namespace, name = expected
    assert attributes(method, path, query) == Attributes(
        verb=verb, group=group, resource=resource, namespace=namespace, name=name
    )


def test_a_step_may_see_whether_the_namespaces_in_which_it_acts_are_paused() -> None:
    def read(*rights: Right) -> list[tuple[str, str]]:
        return [(each.resource, each.name) for each in of_pause(rights) if each.verb == "get"]

    assert read(Right(verb="list", group="", resource="pods", namespace="a")) == []
    assert read(Right(verb="patch", group="", resource="nodes")) == []
    assert read(
        Right(verb="patch", group="", resource="pods", namespace="b"),
        Right(verb="delete", group="apps", resource="deployments", namespace="a"),
    ) == [("namespaces", "a"), ("namespaces", "b")]
    wide = [Right(verb="create", group="", resource="pods/eviction")]
    assert read(*wide) == [("namespaces", "")]
    assert not any(each.optional for each in of_pause(wide))


def test_discovery_asks_for_no_resource() -> None:
    assert attributes("GET", "/apis") is None
    assert attributes("GET", "/version") is None


def test_a_wider_right_includes_a_narrower_one() -> None:
    wide = Right(verb="list", group="*", resource="*", namespace="a")
    narrow = Right(verb="list", group="", resource="pods", namespace="a")
    other = Right(verb="list", group="", resource="pods", namespace="b")
    found = merged([(wide, "x"), (narrow, "y"), (other, "z")])
    assert {need.right for need in found} == {wide, other}


def test_an_optional_wide_right_does_not_stand_for_one_that_is_needed() -> None:
    wide = Right(verb="list", group="", resource="pods", optional=True)
    narrow = Right(verb="list", group="", resource="pods", namespace="a")
    assert len(merged([(wide, "x"), (narrow, "y")])) == 2


def test_rules_of_the_same_resource_and_of_the_same_verbs_are_one() -> None:
    rights = [Right(verb=verb, group="", resource=resource, namespace="a")
              for verb in ("watch", "get") for resource in ("pods", "services")]  # fmt: skip
    assert rbac.rules(rights) == [
        {"apiGroups": [""], "resources": ["pods", "services"], "verbs": ["get", "watch"]}
    ]


@pytest.fixture
def needs(folder: Path) -> list[Need]:
    return _needs(folder)


def _needs(folder: Path) -> list[Need]:
    loaded = load(folder / "kill.scenario.yaml", None, catalogue(), {})
    assert not loaded.problems
    return list(needed(loaded.scenarios[0], "shop", JOURNAL))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("ServiceAccount", "resilience", "team-a"), ("ServiceAccount", "resilience", "team-b")),
        (("ServiceAccount", "c", "a-b"), ("ServiceAccount", "b-c", "a")),
        (("User", "ci"), ("Group", "ci")),
        (("User", "ada@example.com"), ("User", "ada_example.com")),
    ],
)
def test_rights_of_one_subject_never_replace_those_of_another(
    one: tuple[str, ...], other: tuple[str, ...]
) -> None:
    need = Need(right=Right(verb="get", group="", resource="pods", namespace="a"), why=("x",))
    names = [
        {(each["kind"], each["metadata"]["name"]) for each in rbac.manifests([need], subject)}
        for subject in (rbac.Subject(*one), rbac.Subject(*other))
    ]
    assert names[0].isdisjoint(names[1])


@pytest.mark.parametrize(
    ("wanted", "names"), [(True, ["ci", "journals", "shop"]), (False, ["journals"])]
)
def test_only_the_namespace_of_journals_is_printed_unless_all_are_asked_for(
    wanted: bool, names: list[str]
) -> None:
    needs = [
        Need(right=Right(verb="get", group="", resource="pods", namespace=each), why=("x",))
        for each in ("shop", "journals")
    ]
    subject = rbac.Subject("ServiceAccount", "resilience", "ci")
    found = rbac.namespaces(needs, subject, "journals", all_of_them=wanted)
    assert [each["metadata"]["name"] for each in found] == names
    labelled = [each["metadata"]["name"] for each in found if "labels" in each["metadata"]]
    assert labelled == ["journals"]
    assert rbac.namespaces(needs[:1], subject, "journals") == []


def test_a_scenario_passes_with_exactly_the_rights_that_are_printed(
    folder: Path, admin: HttpCluster, embedded: Embedded
) -> None:
    printed = resilience(folder, "rbac", "kill.scenario.yaml", "--with-namespaces")
    assert printed.returncode == 0
    objects = applied(admin, printed.stdout)
    try:
        kubeconfig = account(admin, embedded, folder, "resilience", JOURNAL)
        run = scenarios(folder, kubeconfig, "-q", "kill.scenario.yaml")
        assert run.returncode == 0, run.stdout
    finally:
        deleted(admin, objects)


def test_without_any_one_right_the_preflight_names_that_right(
    folder: Path, admin: HttpCluster, embedded: Embedded, needs: list[Need]
) -> None:
    subject = rbac.Subject("ServiceAccount", "limited", JOURNAL)
    metadata = {"name": "limited", "namespace": JOURNAL}
    service_account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
    applied(
        admin,
        rbac.text([*rbac.namespaces(needs, subject, JOURNAL, all_of_them=True), service_account]),
    )
    required = [need for need in needs if not need.right.optional]
    assert len(required) > 20
    with opened(account(admin, embedded, folder, "limited", JOURNAL)) as cluster:
        for without in required:
            objects = rbac.manifests([need for need in needs if need != without], subject)
            applied(admin, rbac.text(objects))
            assert preflight.missing(cluster, needs) == [without]
            deleted(admin, objects)


def test_a_missing_right_ends_the_run_before_anything_is_touched(
    folder: Path, admin: HttpCluster, embedded: Embedded, needs: list[Need]
) -> None:
    subject = rbac.Subject("ServiceAccount", "barred", JOURNAL)
    metadata = {"name": "barred", "namespace": JOURNAL}
    service_account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
    kept = [need for need in needs if (need.right.verb, need.right.resource) != ("delete", "pods")]
    spaces = rbac.namespaces(needs, subject, JOURNAL, all_of_them=True)
    objects = applied(admin, rbac.text([*spaces, service_account, *rbac.manifests(kept, subject)]))
    try:
        kubeconfig = account(admin, embedded, folder, "barred", JOURNAL)
        before = wanted(admin, "shop")
        run = scenarios(folder, kubeconfig, "-q", "kill.scenario.yaml")
        assert run.returncode == 23, run.stdout
        assert "refused by guard" in run.stdout
        assert "delete pods in namespace shop: for `kill one Pod app=checkout`" in run.stdout
        assert "resources: [pods]\n  verbs: [delete]" in run.stdout
        assert wanted(admin, "shop") == before
    finally:
        deleted(admin, objects)


@pytest.mark.alone
def test_what_a_scenario_sends_is_what_it_declares(
    folder: Path, admin: HttpCluster, embedded: Embedded, needs: list[Need]
) -> None:
    """Least means that nothing is declared which is never sent, but for what only undoing a change
    of an object that existed before would send."""
    printed = resilience(folder, "rbac", "kill.scenario.yaml", "--with-namespaces")
    objects = applied(admin, printed.stdout)
    seen: set[Attributes] = set()
    try:
        wanted = load(folder / "kill.scenario.yaml", None, catalogue(), {}).scenarios[0]
        with recorded(embedded, seen) as cluster:
            carried_out(wanted, cluster, folder)
    finally:
        deleted(admin, objects)
    sent = {each for each in seen if each.resource != "selfsubjectaccessreviews"}
    declared = {need.right for need in needs}
    assert [each for each in sent if not any(allows(right, each) for right in declared)] == []
    unsent = [right for right in declared if not any(allows(right, each) for each in sent)]
    conditional = {("apps", "deployments", "patch"), ("apps", "deployments", "update"),
                   ("", "services", "patch"), ("", "services", "update")}  # fmt: skip
    # `recovered` looks at the workloads that were hit, of whatever kind they turn out to be.
    conditional |= {(each.group, each.plural, verb) for each in WORKLOADS
                    for verb in ("list", "watch")}  # fmt: skip
    journal = {right for right in unsent if right.namespace == JOURNAL}
    left = {(right.group, right.resource, right.verb) for right in set(unsent) - journal}
    assert left <= conditional


def test_a_namespace_that_nothing_makes_is_refused(folder: Path, admin: HttpCluster) -> None:
    text = KILL.replace("  - apply: checkout.yaml\n", "").replace(
        "namespace: shop", "namespace: no"
    )
    (folder / "no.scenario.yaml").write_text(text)
    scenario = load(folder / "no.scenario.yaml", None, catalogue(), {}).scenarios[0]
    with pytest.raises(Refused, match="namespace no does not exist"):
        preflight.ask(admin, scenario, "no", JOURNAL)


def test_printed_rights_name_nobody_who_is_not_asked_for(folder: Path) -> None:
    printed = resilience(folder, "rbac", "kill.scenario.yaml", "--group", "sre")
    assert "kind: ServiceAccount" not in printed.stdout
    assert "{kind: Group, name: sre, apiGroup: rbac.authorization.k8s.io}" in printed.stdout


def test_a_folder_without_files_of_ours_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    printed = resilience(tmp_path, "rbac", "empty")
    assert (printed.returncode, printed.stdout) == (1, "error: no scenario and no plan in empty\n")


RESTORE = """\
scenario: what was lost is restored
namespace: shop
settle: 10ms
given:
  - apply: checkout.yaml
  - ready: deployment/checkout
  - snapshot: {store: 'file:./store'}
when:
  - delete: [service/checkout]
    lasting: true
  - restore: {store: 'file:./store', existing: skip}
then:
  - matches_snapshot: {as: snapshot}
"""

PLAN = """\
plan: shop
namespaces: [shop]
given:
  - apply: checkout.yaml
  - ready: deployment/checkout
  - snapshot: this
store: file:./backups
drill:
  then:
    - ready: all
      within: 60s
    - matches_snapshot: {as: snapshot}
"""


@pytest.mark.parametrize(
    ("name", "text", "count"),
    [("lost.scenario.yaml", RESTORE, 1), ("shop.plan.yaml", PLAN, 3)],
    ids=["restore", "drill"],
)
def test_a_restore_and_a_drill_pass_with_exactly_the_rights_that_are_printed(
    folder: Path, admin: HttpCluster, embedded: Embedded, name: str, text: str, count: int
) -> None:
    (folder / name).write_text(text)
    objects = applied(admin, resilience(folder, "rbac", name, "--with-namespaces").stdout)
    try:
        kubeconfig = account(admin, embedded, folder, "resilience", JOURNAL)
        run = scenarios(folder, kubeconfig, "-p", "no:randomly", "-q", name)
        assert f"{count} passed" in run.stdout, run.stdout
    finally:
        deleted(admin, objects)
        for service in admin.list(SERVICES, "shop"):  # what was restored in place stays
            admin.delete(SERVICES, service["metadata"]["name"], "shop")
