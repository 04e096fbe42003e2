"""Each clause of consent: which target a cluster has, what it allows, and what a permit covers."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from typing import Any

import pytest

from resilience.cluster.errors import Forbidden
from resilience.cluster.interface import NAMESPACES, Means, Object
from resilience.cluster.permit.door import Permit
from resilience.config.targets import Target
from resilience.engine.guard import consent, expanded, locks
from resilience.engine.guard.consent import Consent, consent_to, in_cluster_unnamed, target_of
from resilience.kube.selectors import Selector
from resilience.machines.command import Command
from resilience.machines.driven import DrivenMachines
from resilience.model.step_reach import ANY, Reach
from resilience.verbs.context import Refused
from tests.engine.fakes import FakeClock, FakeCluster

FORBIDDEN = Forbidden(403, "not for you")


class Cluster(FakeCluster):
    """A real cluster of context "fake", with namespaces shop and lab; notes each permit."""

    def __init__(self) -> None:
        super().__init__(FakeClock())
        self.as_real()
        self.put(NAMESPACES, {"metadata": {"name": "lab", "labels": {"team": "lab"}}})
        self.put(NAMESPACES, {"metadata": {"name": "given", "labels": {consent.LABEL: "allow"}}})
        self.permits: list[Permit] = []

    @property
    def uid(self) -> str:
        return str(self.have(NAMESPACES, "kube-system", "")["metadata"]["uid"])

    def under(self, permit: Permit) -> Any:
        self.permits.append(permit)
        return self

    def target(self, name: str = "t", context: str = "fake", **more: Any) -> Target:
        return Target(name=name, context=context, **{"cluster": self.uid, **more})

    def forbid(self, path: str) -> None:
        self.faults.append(lambda method, there: FORBIDDEN if there == path else None)


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


def reach(*namespaces: str, **more: Any) -> Reach:
    return Reach(namespaces=frozenset(namespaces), **more)


def agreed(cluster: Cluster, target: Target | None, wanted: Reach) -> Consent:
    return consent_to(cluster, [target] if target else [], wanted)


def why_not(cluster: Cluster, target: Target | None, wanted: Reach) -> str:
    with pytest.raises(Refused) as found:
        agreed(cluster, target, wanted)
    return str(found.value)


@pytest.mark.parametrize(
    ("context", "environment", "refused"),
    [
        ("", {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, True),
        ("in-cluster", {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, False),
        ("", {"KUBERNETES_SERVICE_HOST": ""}, False),
        ("", {}, False),
        ("kind", {}, False),
    ],
)
def test_inside_a_cluster_a_context_has_to_be_named(
    context: str, environment: dict[str, str], refused: bool
) -> None:
    found = in_cluster_unnamed(context, environment)
    assert found.startswith("this process runs inside a cluster") if refused else found == ""


# ----- which target


@pytest.mark.parametrize(
    ("targets", "chosen"),
    [
        ([], None),
        ([("a", "fake", "own")], "a"),
        ([("a", "other", "own")], "a"),
        ([("a", "other", "x")], None),
        ([("a", "other", "x"), ("b", "other", "own")], "b"),
        ([("a", "other", "own"), ("b", "fake", "own")], "b"),
        ([("a", "fake", "own"), ("b", "fake", "own")], "a"),
        ([("a", "fake", "x"), ("b", "fake", "own")], "b"),
    ],
)
def test_a_cluster_has_the_target_with_its_uid_by_preference_that_of_its_context(
    cluster: Cluster, targets: Sequence[tuple[str, str, str]], chosen: str | None
) -> None:
    found = target_of(cluster, made(cluster, targets))
    assert (found.name if found else None) == chosen


def made(cluster: Cluster, targets: Sequence[tuple[str, str, str]]) -> list[Target]:
    return [
        Target(name=name, context=context, cluster=cluster.uid if uid == "own" else uid)
        for name, context, uid in targets
    ]


@pytest.mark.parametrize(
    ("targets", "told"),
    [
        ([("a", "fake", "x")], "context 'fake' leads to a different cluster than target 'a' "
                               "describes"),
        ([("a", "fake", "x"), ("b", "other", "own")], "leads to a different cluster than target "
                                                      "'a'"),
        ([("a", "other", "own"), ("b", "more", "own")],
         "targets a, b all mean the cluster of context 'fake', but none of them has this context;"
         " use one of: 'other', 'more'"),
    ],
)  # fmt: skip
def test_a_doubt_about_the_target_is_refused(
    cluster: Cluster, targets: Sequence[tuple[str, str, str]], told: str
) -> None:
    with pytest.raises(Refused) as found:
        target_of(cluster, made(cluster, targets))
    assert told in str(found.value)


def test_a_cluster_whose_uid_cannot_be_read_is_refused_when_there_are_targets(
    cluster: Cluster,
) -> None:
    there = cluster.target()
    cluster.forbid("/api/v1/namespaces/kube-system")
    assert target_of(cluster, []) is None
    with pytest.raises(Refused, match="the targets name clusters by the uid of namespace kube-sys"):
        target_of(cluster, [there])


# ----- namespaces


@pytest.mark.parametrize(
    ("more", "namespace", "refused"),
    [
        (None, "shop", "list it in a target"),
        (None, "given", ""),
        ({"namespaces": ("shop",)}, "shop", ""),
        ({"namespaces": ("lab",)}, "shop", "list it in [targets.t] of resilience.toml"),
        ({"namespaces": ("lab",)}, "given", ""),
        ({}, "shop", "nothing allows acting in namespace 'shop'"),
        ({"namespace_selectors": (Selector.parse("team=lab"),)}, "lab", ""),
        ({"namespace_selectors": (Selector.parse("team=lab"),)}, "shop", "nothing allows"),
        ({"namespace_selectors": (Selector.parse("team=x"), Selector.parse("team=lab"))}, "lab",
         ""),
        ({"namespaces": ("kube-system",)}, "kube-system", ""),
        ({}, "kube-system", "'kube-system' is a system namespace"),
        (None, "kube-system", "'kube-system' is a system namespace"),
        (None, "absent", "which does not exist; a namespace can only be created if a target"),
        ({"namespaces": ("absent",)}, "absent", ""),
        ({"namespaces": ("lab",)}, "absent", 'write:\nnamespaces = ["lab", "absent"]'),
    ],
)  # fmt: skip
def test_a_namespace_is_allowed_by_its_target_or_its_label(
    cluster: Cluster, more: Any, namespace: str, refused: str
) -> None:
    target = None if more is None else cluster.target(**more)
    if refused:
        assert refused in why_not(cluster, target, reach(namespace))
    else:
        found = agreed(cluster, target, reach(namespace))
        assert found.reach == reach(namespace)
        assert found.target == target
        assert found.free is False


def test_nothing_speaks_against_a_namespace_that_consents(cluster: Cluster) -> None:
    target = cluster.target(namespaces=("shop",))
    assert consent._not_consented(cluster, "shop", target) == ""
    assert consent._not_consented(cluster, "given", None) == ""


def test_a_label_with_another_value_consents_to_nothing(cluster: Cluster) -> None:
    body = {"metadata": {"name": "denied", "labels": {consent.LABEL: "deny"}}}
    cluster.put(NAMESPACES, body)
    assert "nothing allows acting in namespace 'denied'" in why_not(cluster, None, reach("denied"))


def test_absent_namespaces_share_one_target_that_can_be_pasted(cluster: Cluster) -> None:
    told = why_not(cluster, None, reach("one", "two", "shop"))
    pasted = told.partition("append this to resilience.toml:\n")[2]
    [table] = tomllib.loads(pasted)["targets"].values()
    assert table["namespaces"] == ["one", "two"]
    assert "namespaces 'one' and 'two' of 'fake', which do not exist" in told
    target = cluster.target(namespaces=("lab",))
    assert why_not(cluster, target, reach("one", "two")).endswith('["lab", "one", "two"]')


def test_every_namespace_that_is_not_allowed_is_named(cluster: Cluster) -> None:
    told = why_not(cluster, None, reach("shop", "given", "lab"))
    assert [line.split("'")[1] for line in told.splitlines()] == ["lab", "shop"]


def test_a_namespace_that_may_not_be_read_does_not_consent(cluster: Cluster) -> None:
    cluster.forbid("/api/v1/namespaces/given")
    assert "cannot read whether namespace 'given' consents (not for you)" in why_not(
        cluster, None, reach("given")
    )


@pytest.mark.parametrize(
    ("names", "expanded"),
    [
        (("la*",), {"lab"}),
        (("la?", "shop"), {"lab", "shop"}),
        (("[ls]*",), {"lab", "shop"}),
        (("none-*", "shop"), {"shop"}),
        (("none-*",), set()),
        (("shop",), {"shop"}),
    ],
)
def test_a_pattern_means_the_namespaces_that_are_there(
    cluster: Cluster, names: tuple[str, ...], expanded: set[str]
) -> None:
    target = cluster.target(namespaces=("lab", "shop"))
    assert agreed(cluster, target, reach(*names)).reach.namespaces == expanded


def test_namespaces_by_their_labels_are_those_that_are_there_and_those_of_a_manifest(
    cluster: Cluster,
) -> None:
    manifests: tuple[Object, ...] = tuple(
        {"kind": kind, "metadata": {"name": name, "labels": labels}}
        for kind, name, labels in (
            ("Namespace", "new", {"team": "lab"}),
            ("Namespace", "other", {"team": "x"}),
            ("Role", "role", {"team": "lab"}),
        )
    )
    target = cluster.target(namespaces=("lab", "new", "shop", "role", "other"))
    wanted = reach("shop", selected=frozenset({"team=lab"}), objects=manifests[:1])
    found = agreed(cluster, target, wanted).reach
    assert found.namespaces == {"lab", "new", "shop"}
    assert not found.selected
    assert expanded._meant(cluster, "team=lab", reach(objects=manifests)) == ["lab", "new"]


def test_namespaces_by_their_labels_cannot_be_known_without_listing_them(cluster: Cluster) -> None:
    target = cluster.target(namespaces=("lab",))
    cluster.forbid("/api/v1/namespaces")
    told = why_not(cluster, target, reach(selected=frozenset({"team=lab"})))
    assert told.startswith("the namespaces labelled team=lab cannot be listed (not for you)")


# ----- nodes and objects outside of namespaces


@pytest.mark.parametrize(("more", "allowed"), [(None, False), ({}, False), ({"nodes": True}, True)])
def test_nodes_take_a_target_that_says_so(cluster: Cluster, more: Any, allowed: bool) -> None:
    target = None if more is None else cluster.target(**more)
    assert agreed(cluster, target, reach()).reach.nodes is False
    if allowed:
        assert agreed(cluster, target, reach(nodes=True)).reach.nodes is True
    else:
        assert "nothing allows acting on nodes" in why_not(cluster, target, reach(nodes=True))


@pytest.mark.parametrize(
    ("listed", "wanted", "granted", "refused"),
    [
        (None, {"clusterroles.rbac"}, None, "nothing allows writing clusterroles.rbac of 'fake'"),
        ((), {"clusterroles.rbac"}, None, 'set `cluster_scoped = ["clusterroles.rbac"]`'),
        (("clusterroles.rbac",), {"clusterroles.rbac"}, {"clusterroles.rbac"}, ""),
        (("clusterroles.rbac/mine",), {"clusterroles.rbac"}, {"clusterroles.rbac/mine"}, ""),
        (("a", "b"), {"a"}, {"a", "b"}, ""),
        (("a",), {"a", "b", "c"}, None, "writing b, c of"),
        (("a",), ANY, {"a"}, ""),
        ((), ANY, frozenset(), ""),
        (None, ANY, frozenset(), ""),
        (("a",), frozenset(), frozenset(), ""),
    ],
)
def test_objects_outside_of_namespaces_are_listed_in_the_target(
    cluster: Cluster, listed: Any, wanted: Any, granted: Any, refused: str
) -> None:
    target = None if listed is None else cluster.target(cluster_scoped=listed)
    asked = reach(cluster_scoped=frozenset(wanted))
    if refused:
        assert refused in why_not(cluster, target, asked)
        return
    found = agreed(cluster, target, asked)
    assert found.listed == granted
    assert found.reach.cluster_scoped == (asked.cluster_scoped if granted else frozenset())


# ----- what is agreed


def test_a_sandbox_of_this_process_is_free_unless_a_target_names_it(cluster: Cluster) -> None:
    cluster.is_sandbox = True
    found = agreed(cluster, None, reach("shop", nodes=True))
    assert (found.free, found.target, found.reach) == (True, None, reach("shop", nodes=True))
    target = cluster.target(namespaces=("shop",))
    assert agreed(cluster, target, reach("shop")).free is False
    assert "nothing allows" in why_not(cluster, target, reach("lab"))
    given: Any = found.given_to(cluster, "x")  # type: ignore[arg-type]
    assert given is cluster
    assert cluster.permits == []


def test_a_permit_covers_what_was_agreed_and_no_more(cluster: Cluster) -> None:
    keys = (Selector.parse("team=lab,stage!=prod"), Selector.parse("zone=a"))
    target = cluster.target(namespaces=("shop", "unused"), namespace_selectors=keys, nodes=True,
                            cluster_scoped=("a",))  # fmt: skip
    wanted = reach("shop", "given", nodes=True, cluster_scoped=frozenset({"a"}))
    found = agreed(cluster, target, wanted)
    found.given_to(cluster, "the run", lambda: "lost")  # type: ignore[arg-type]
    [permit] = cluster.permits
    assert permit.title == "the run"
    assert permit.namespaces == {"shop", "given"}
    assert permit.makes == {"shop"}
    assert permit.nodes is True
    assert permit.cluster_scoped == {"a"}
    assert permit.guarded == {"team", "stage", "zone"}
    assert permit.lost() == "lost"
    assert agreed(cluster, None, reach("given")).named == frozenset()


def test_a_command_names_what_it_touches(cluster: Cluster) -> None:
    target = cluster.target(namespaces=("shop",), nodes=True, cluster_scoped=("a",))
    found = consent.consent(cluster, [target], ["shop"], nodes=True, cluster_scoped=["a"])
    assert found.reach == reach("shop", nodes=True, cluster_scoped=frozenset({"a"}))
    assert consent.consent(cluster, [target], ["shop"]).reach == reach("shop")


def test_a_manifest_that_the_door_refuses_is_refused_before_anything_is_written(
    cluster: Cluster,
) -> None:
    role: Object = {
        "kind": "Role", "metadata": {"name": "r", "namespace": "shop"},
        "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}],
    }  # fmt: skip
    target = cluster.target(namespaces=("shop",))
    told = why_not(cluster, target, reach("shop", objects=(role,)))
    assert "was not sent" in told
    role["rules"] = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
    assert agreed(cluster, target, reach("shop", objects=(role,)))


# ----- undo of dead runs


def undo_under(cluster: Cluster, targets: Sequence[Target], *locks: str) -> Permit:
    allowed = consent.under_locks(cluster, targets)  # type: ignore[arg-type]
    allowed(locks)
    return cluster.permits[-1]


def test_an_undo_may_write_what_its_locks_cover_as_far_as_consent_does(cluster: Cluster) -> None:
    target = cluster.target(namespaces=("shop",), nodes=True, cluster_scoped=("a",))
    permit = undo_under(cluster, [target], "nodes", "namespace-shop", "namespace-given",
                        "cluster-scoped")  # fmt: skip
    assert permit.namespaces == {"shop", "given"}
    assert permit.nodes is True
    assert permit.cluster_scoped == {"a"}
    assert permit.title == "the undo under cluster-scoped, namespace-given, namespace-shop, nodes"
    with pytest.raises(Refused, match="namespace 'lab'"):
        undo_under(cluster, [target], "namespace-shop", "namespace-lab")


def test_a_namespace_that_is_gone_needs_no_consent_and_one_that_is_named_keeps_it(
    cluster: Cluster,
) -> None:
    target = cluster.target(namespaces=("shop", "gone-but-named"))
    permit = undo_under(cluster, [target], "namespace-gone", "namespace-gone-but-named",
                        "namespace-shop")  # fmt: skip
    assert permit.namespaces == {"shop", "gone-but-named"}


def test_the_projects_own_books_have_a_permit_for_nothing_else(cluster: Cluster) -> None:
    consent.books(cluster, "journal")  # type: ignore[arg-type]
    [permit] = cluster.permits
    assert (permit.journal, permit.namespaces, permit.nodes) == ("journal", frozenset(), False)


# ----- means


OWN = Means(privileged=False, helper_image="mine")


@pytest.mark.parametrize(
    ("more", "given", "image"),
    [({}, "", ""), ({}, "set", "set"), ({"helper_image": "t"}, "set", "t"), (None, "set", "set")],
)
def test_the_helpers_image_is_the_targets_or_else_the_setting(
    cluster: Cluster, more: Any, given: str, image: str
) -> None:
    targets = [] if more is None else [cluster.target(**more)]
    assert consent.means(cluster, targets, given).helper_image == image


def test_a_target_adds_its_means_to_its_own_cluster_only(cluster: Cluster) -> None:
    target = cluster.target(privileged=True, real_time_prober=True, driver=("power", "off"))
    found = consent.means(cluster, [target])
    assert found.privileged is found.real_time_prober is True
    assert isinstance(found.machines, DrivenMachines)
    assert found.machines == DrivenMachines(Command(("power", "off"), "fake"), by_name=True)
    elsewhere = cluster.target(cluster="x", context="fake", privileged=True, driver=("power",))
    for other in (elsewhere, cluster.target(cluster="x", context="far", privileged=True)):
        assert consent.means(cluster, [other]) == Means()


def test_a_cluster_that_has_machines_keeps_them(cluster: Cluster) -> None:
    own = DrivenMachines(Command(("own",), "fake"))
    cluster.as_real(Means(machines=own))
    assert consent.means(cluster, [cluster.target(driver=("power",))]).machines is own
    assert consent.means(cluster, [cluster.target()]).machines is own
    cluster.as_real()
    assert consent.means(cluster, [cluster.target()]).machines is None


def test_a_targets_machine_driver_counts_before_its_command(cluster: Cluster) -> None:
    driver = Command(("driver",), "fake")
    target = cluster.target(machine_driver=driver, driver=("power",))
    assert consent.means(cluster, [target]).machines == DrivenMachines(driver)


@pytest.mark.parametrize(
    ("listed", "covered"),
    [
        (("persistentvolumes",), {"persistentvolumes"}),
        (("persistentvolumes/pvc-1", "x.example.com"), {"persistentvolumes/pvc-1"}),
        (("x.example.com",), set()),
        ((), set()),
    ],
)
def test_what_is_written_where_listed_needs_no_listing(
    cluster: Cluster, listed: tuple[str, ...], covered: set[str]
) -> None:
    target = cluster.target(namespaces=("shop",), cluster_scoped=listed)
    wanted = reach("shop", if_listed=frozenset({"persistentvolumes"}))
    found = agreed(cluster, target, wanted | Reach())
    assert found.listed == covered
    assert agreed(cluster, target, reach("shop")).listed == set()
    assert agreed(cluster, None, reach("given", if_listed=wanted.if_listed)).listed == set()
    assert locks.names(found.reach) == ("namespace-shop",)
