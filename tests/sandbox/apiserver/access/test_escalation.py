"""Nobody grants what they do not hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from resilience.sandbox.apiserver.access import escalation
from resilience.sandbox.apiserver.access.authorization import Attributes
from resilience.sandbox.apiserver.access.escalation import _broken_down, _compact

RULE = {"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods", "pods/exec"]}


def test_a_rule_is_each_of_its_permissions() -> None:
    asked = {(each.verb, each.full) for each in _broken_down(RULE)}
    assert asked == {(v, r) for v in ("get", "list") for r in ("pods", "pods/exec")}


def test_names_and_paths_are_part_of_a_permission() -> None:
    named = {"verbs": ["get"], "apiGroups": ["apps"], "resources": ["a"], "resourceNames": ["x"]}
    (one,) = _broken_down(named)
    assert (one.group, one.name) == ("apps", "x")
    (path,) = _broken_down({"verbs": ["get"], "nonResourceURLs": ["/metrics"]})
    assert path.path == "/metrics"


def test_what_is_missing_is_printed_as_the_real_server_does() -> None:
    missing = [
        Attributes(verb="get", resource="pods"),
        Attributes(verb="list", resource="pods"),
        Attributes(verb="get", group="apps", resource="deployments", name="web"),
        Attributes(verb="get", path="/metrics"),
    ]
    assert sorted(_compact(missing)) == [
        '{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}',
        '{APIGroups:["apps"], Resources:["deployments"], ResourceNames:["web"], Verbs:["get"]}',
        '{NonResourceURLs:["/metrics"], Verbs:["get"]}',
    ]


class Cluster:
    """Roles and bindings, and one writer with some of them."""

    def __init__(self, *objects: dict[str, Any]) -> None:
        self._objects = objects

    def resource(self, plural: str, group: str = "") -> str:
        return plural

    def find(self, resource: str, namespace: str, name: str) -> Any:
        found = [
            each for each in self.list(resource, namespace) if each["metadata"]["name"] == name
        ]
        return found[0] if found else None

    def list(self, resource: str, namespace: str | None = None) -> list[Any]:
        return [
            each
            for each in self._objects
            if each["plural"] == resource
            and each["metadata"].get("namespace", "") == (namespace or "")
        ]


def role(*rules: dict[str, Any], name: str = "new", cluster: bool = False) -> dict[str, Any]:
    place = {} if cluster else {"namespace": "shop"}
    plural = "clusterroles" if cluster else "roles"
    return {"plural": plural, "metadata": {"name": name, **place}, "rules": [*rules]}


def bound(name: str, *, cluster: bool = False, inside: str = "shop") -> dict[str, Any]:
    place = {"namespace": inside} if inside else {}
    return {
        "plural": "rolebindings" if inside else "clusterrolebindings",
        "metadata": {"name": "mine", **place},
        "roleRef": {"kind": "ClusterRole" if cluster else "Role", "name": name},
        "subjects": [{"kind": "User", "name": "ann"}],
    }


@pytest.fixture
def write() -> Callable[..., None]:
    """Send an object as ann, on a cluster of these objects."""
    from types import SimpleNamespace

    def send(obj: dict[str, Any], *objects: dict[str, Any], old: Any = None, **who: Any) -> None:
        user = SimpleNamespace(user="ann", groups=who.get("groups", ("system:authenticated",)))
        request: Any = SimpleNamespace(
            key=("rbac.authorization.k8s.io", obj["plural"]),
            obj=obj,
            old=old,
            view=Cluster(*objects),
            call=SimpleNamespace(user=user),
            resource=SimpleNamespace(plural=obj["plural"]),
            namespace=obj["metadata"].get("namespace", ""),
            name=obj["metadata"]["name"],
        )
        escalation.check(request)

    return send


READS = role(RULE, name="reads")
AGGREGATES = {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}
Write = Callable[..., None]


def refused(write: Write, *arguments: Any, **more: Any) -> str:
    with pytest.raises(Exception, match="not currently held") as error:
        write(*arguments, **more)
    return str(error.value)


def test_a_role_of_what_the_writer_holds_is_written(write: Write) -> None:
    write(role({**RULE, "verbs": ["get"]}), READS, bound("reads"))


def test_a_role_of_more_is_refused_with_what_is_missing(write: Write) -> None:
    text = refused(write, role({**RULE, "verbs": ["get", "delete"]}), READS, bound("reads"))
    assert 'Verbs:["delete"]' in text
    assert 'Verbs:["get"' not in text


def test_all_is_more_than_many(write: Write) -> None:
    refused(write, role({**RULE, "resources": ["*"]}), READS, bound("reads"))


def test_without_names_is_more_than_with_names(write: Write) -> None:
    some = role({**RULE, "resourceNames": ["x"]}, name="some")
    refused(write, role(RULE), some, bound("some"))
    write(role({**RULE, "resourceNames": ["x"]}), some, bound("some"))


def test_a_right_in_one_namespace_grants_nothing_in_the_cluster(write: Write) -> None:
    refused(write, role(RULE, cluster=True), READS, bound("reads"))


@pytest.mark.parametrize(("verb", "allowed"), [("escalate", True), ("bind", False)])
def test_the_verb_escalate_allows_roles_beyond_ones_own(
    write: Write, verb: str, *, allowed: bool
) -> None:
    extra = role({"verbs": [verb], "apiGroups": ["rbac.authorization.k8s.io"],
                  "resources": ["roles"]}, name="extra")  # fmt: skip
    if allowed:
        write(role(RULE), extra, bound("extra"))
    else:
        refused(write, role(RULE), extra, bound("extra"))


def test_administrators_write_what_they_like(write: Write) -> None:
    write(role(RULE), groups=("system:masters",))


def test_an_aggregating_role_asks_for_everything(write: Write) -> None:
    refused(write, {**role(cluster=True), "aggregationRule": AGGREGATES}, READS, bound("reads"))


def test_a_binding_gives_only_what_its_writer_holds(write: Write) -> None:
    wide = role({**RULE, "verbs": ["delete"]}, name="wide")
    refused(write, bound("wide"), READS, wide, {**bound("reads"), "metadata": {
        "name": "own", "namespace": "shop"}})  # fmt: skip
    write(bound("reads"), READS, bound("reads"))


def test_bind_on_that_role_allows_the_binding(write: Write) -> None:
    wide = role({**RULE, "verbs": ["delete"]}, name="wide")
    may = role({"verbs": ["bind"], "apiGroups": ["rbac.authorization.k8s.io"],
                "resources": ["roles"], "resourceNames": ["wide"]}, name="may")  # fmt: skip
    write(bound("wide"), wide, may, bound("may"))
    other = role({**RULE, "verbs": ["delete"]}, name="other")
    refused(write, bound("other"), other, may, bound("may"))


def test_a_binding_to_a_role_that_is_not_there_is_not_found(write: Write) -> None:
    with pytest.raises(Exception, match="not found"):
        write(bound("gone"), READS, bound("reads"))


def test_a_change_of_owners_alone_is_not_asked_about(write: Write) -> None:
    new = role(RULE)
    old = {**new, "metadata": {**new["metadata"], "finalizers": ["x"]}}
    write(new, old=old)
    refused(write, new, old={**new, "rules": []})
    refused(write, new, old={**new, "metadata": {**new["metadata"], "labels": {"a": "b"}}})


def test_other_kinds_are_not_asked_about(write: Write) -> None:
    write({**role(RULE), "plural": "pods"})
