"""What an account may not grant is known before the API server is asked to write it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from resilience.cluster.errors import Forbidden, NotFound
from resilience.cluster.interface import Object, Resource
from resilience.cluster.permit.held_rights import HeldRights
from resilience.cluster.requests.request import Request
from resilience.sandbox.apiserver.access import escalation
from resilience.sandbox.apiserver.access.authorization import Attributes, covers
from resilience.sandbox.kube.api import ApiError

RBAC = "rbac.authorization.k8s.io"


class Server:
    """Answers reviews for one account."""

    def __init__(self, *held: Object, may: tuple[str, ...] = (), live: Any = None) -> None:
        self.held, self.may, self.live = list(held), may, live or {}
        self.asked: list[str] = []

    def send(self, request: Request) -> Object:
        body: Any = request.body
        self.asked.append(body["kind"])
        if body["kind"] == "SelfSubjectRulesReview":
            paths = [each for each in self.held if each.get("nonResourceURLs")]
            rest = [each for each in self.held if not each.get("nonResourceURLs")]
            return {"status": {"resourceRules": rest, "nonResourceRules": paths,
                               "incomplete": True}}  # fmt: skip
        return {"status": {"allowed": body["spec"]["resourceAttributes"]["verb"] in self.may}}

    def get(self, resource: Resource, name: str, namespace: str = "") -> Object:
        if (resource.plural, name) not in self.live:
            raise NotFound(404, "not found")
        return {"rules": self.live[resource.plural, name]}


class Silent(Server):
    """Answers no review."""

    def send(self, request: Request) -> Object:
        raise Forbidden(403, "no reviews here")


def rule(verbs: str, resources: str, group: str = "", *names: str) -> Object:
    named = {"resourceNames": list(names)} if names else {}
    return {"verbs": verbs.split(), "apiGroups": [group], "resources": resources.split(), **named}


def role(*rules: Object, namespace: str = "shop") -> Object:
    place = {"namespace": namespace} if namespace else {}
    return {"apiVersion": f"{RBAC}/v1", "kind": "Role", "rules": [*rules],
            "metadata": {"name": "leader", **place}}  # fmt: skip


def binding(kind: str, name: str) -> Object:
    return {"apiVersion": f"{RBAC}/v1", "kind": "RoleBinding", "roleRef": {
        "kind": kind, "name": name}, "metadata": {"name": "b", "namespace": "shop"}}  # fmt: skip


def why(server: Server, obj: Object, **roles: Any) -> str:
    held = HeldRights(server)  # type: ignore[arg-type]
    return held.why_not(obj, lambda namespace, name: roles.get(name))


def test_what_is_missing_is_named_with_its_verbs() -> None:
    server = Server(rule("get list", "pods"))
    asked = role(rule("get delete watch", "pods"), rule("update", "leases", "coordination.k8s.io"))
    assert why(server, asked) == (
        "grants delete, watch on pods and update on leases.coordination.k8s.io, which this account "
        "does not hold"
    )


def test_what_is_held_may_be_granted_without_another_question() -> None:
    server = Server(rule("get list", "pods"))
    assert why(server, role(rule("get", "pods"))) == ""
    assert server.asked == ["SelfSubjectRulesReview"]


def test_an_account_that_may_escalate_grants_what_it_likes() -> None:
    assert why(Server(may=("escalate",)), role(rule("*", "*", "*"))) == ""
    assert why(Server(may=("bind",)), role(rule("*", "*", "*")))


@pytest.mark.parametrize("kind", ["Role", "ClusterRole"])
def test_a_binding_gives_what_its_role_holds(kind: str) -> None:
    live = {(f"{kind.lower()}s", "wide"): [rule("delete", "pods")]}
    assert why(Server(live=live), binding(kind, "wide")) == (
        f"binds {kind} wide, which grants delete on pods, which this account does not hold"
    )
    assert why(Server(rule("*", "pods"), live=live), binding(kind, "wide")) == ""
    assert why(Server(live=live, may=("bind",)), binding(kind, "wide")) == ""


def test_a_role_that_is_written_first_counts() -> None:
    assert why(Server(rule("get", "pods")), binding("Role", "own"), own=[rule("get", "pods")]) == ""
    assert "binds Role own" in why(Server(), binding("Role", "own"), own=[rule("get", "pods")])


def test_a_binding_to_nothing_needs_bind() -> None:
    assert why(Server(), binding("Role", "gone")) == "binds Role gone, which does not exist"
    assert why(Server(may=("bind",)), binding("Role", "gone")) == ""


@pytest.mark.parametrize(
    "obj",
    [
        role(rule("*", "*", "*"), namespace=""),
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "shop"}},
        role() | {"rules": [7]},
        binding("Role", "x") | {"roleRef": None},
    ],
    ids=["in no namespace", "another kind", "no rule", "no reference"],
)
def test_nothing_is_said_of_what_is_not_known(obj: Object) -> None:
    assert why(Server(), obj) == ""


def test_a_server_that_answers_no_review_refuses_nothing() -> None:
    assert why(Silent(), role(rule("*", "*", "*"))) == ""


_WORDS = {
    "verbs": ["get", "update", "*"],
    "apiGroups": ["", "apps", "*"],
    "resources": ["pods", "pods/log", "*/log", "*"],
    "resourceNames": ["a", "b"],
    "nonResourceURLs": ["/metrics", "/m*", "*"],
}


def _some(key: str, least: int = 1) -> Any:
    return some.lists(some.sampled_from(_WORDS[key]), min_size=least, max_size=2, unique=True)


RULES = some.lists(
    some.one_of(
        some.fixed_dictionaries(
            {key: _some(key) for key in ("verbs", "apiGroups", "resources")},
            optional={"resourceNames": _some("resourceNames")},
        ),
        some.fixed_dictionaries({key: _some(key) for key in ("verbs", "nonResourceURLs")}),
    ),
    max_size=3,
)


@given(held=RULES, wanted=RULES)
def test_it_finds_what_the_server_refuses_and_nothing_else(
    held: list[Object], wanted: list[Object]
) -> None:
    """The server's own code on the other side."""
    view = SimpleNamespace(
        resource=lambda plural, group="": plural,
        find=lambda resource, namespace, name: {"rules": held},
        list=lambda resource, namespace=None: [binding("Role", "own") | {"subjects": [
            {"kind": "User", "name": "ann"}]}] if resource == "rolebindings" else [],
    )  # fmt: skip
    obj = role(*wanted)
    request: Any = SimpleNamespace(
        key=(RBAC, "roles"), obj=obj, old=None, view=view, namespace="shop", name="leader",
        call=SimpleNamespace(user=SimpleNamespace(user="ann", groups=())),
        resource=SimpleNamespace(plural="roles"),
    )  # fmt: skip
    try:
        escalation.check(request)
        refused = False
    except ApiError:
        refused = True
    escalates = Attributes(verb="escalate", group=RBAC, resource="roles", namespace="shop")
    may = ("escalate",) if any(covers(each, escalates) for each in held) else ()
    assert bool(why(Server(*held, may=may), obj)) is refused
