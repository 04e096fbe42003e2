"""What is asked before a run, and how a refusal is worded. The answers are written by hand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from resilience.actions.flow.sleep import VERB as SLEEP
from resilience.actions.objects.apply import VERB as APPLY
from resilience.cluster.errors import ApiError, Forbidden, Invalid, ServerTrouble
from resilience.cluster.interface import NAMESPACES, PODS, Object
from resilience.cluster.requests.request import Request
from resilience.engine.guard import permissions, plan_permissions, preflight
from resilience.engine.guard.permissions import RUN, Need, merged, of_every_run, of_pause
from resilience.model.inside import Volumes
from resilience.model.place import Place
from resilience.model.scenario import Drill, Plan, Scenario, Step, flattened
from resilience.model.values import Duration
from resilience.model.verb import Phase, Right
from resilience.verbs.context import Refused
from tests.engine.fakes import FakeClock, FakeCluster
from tests.engine.helpers import step


class Reviewing(FakeCluster):
    """Allows everything but what is in `denied` (verb and resource); remembers each review."""

    def __init__(self, *denied: tuple[str, str]) -> None:
        super().__init__(FakeClock())
        self.denied = set(denied)
        self.reviews: list[dict[str, str]] = []
        self.who: Any = {"status": {"userInfo": {"username": "ada"}}}

    def send(self, request: Request) -> Object:
        if request.path == preflight.WHO:
            return dict(self.who)
        assert (request.method, request.path) == ("POST", preflight.REVIEWS)
        attributes = request.body["spec"]["resourceAttributes"]
        self.reviews.append(attributes)
        allowed = (attributes["verb"], attributes["resource"]) not in self.denied
        return {"status": {"allowed": allowed}}


def right(verb: str = "get", resource: str = "pods", **more: Any) -> Right:
    return Right(verb=verb, resource=resource, **{"group": "", **more})


def need(one: Right, *why: str) -> Need:
    return Need(right=one, why=why or ("x",))


def scenario(*when: Step, given: tuple[Step, ...] = ()) -> Scenario:
    return Scenario(id="s", title="s", tags=(), namespace="shop", seed=1, given=given, probes=(),
                    when=when, then=(), settle=Duration.of(1), baseline=None,
                    place=Place("x.scenario.yaml", 1, 1))  # fmt: skip


NAP = step(SLEEP, Phase.WHEN, duration=Duration.of(1))


# ----- one review


@pytest.mark.parametrize(
    ("one", "attributes"),
    [
        (right(), {"verb": "get", "resource": "pods"}),
        (right("create", "pods/eviction", namespace="shop"),
         {"verb": "create", "resource": "pods", "subresource": "eviction", "namespace": "shop"}),
        (right(group="apps", name="a"),
         {"verb": "get", "group": "apps", "resource": "pods", "name": "a"}),
    ],
)  # fmt: skip
def test_a_review_asks_for_what_the_permission_says(one: Right, attributes: Any) -> None:
    cluster = Reviewing()
    assert preflight.is_allowed(cluster, one) is True
    assert cluster.reviews == [attributes]


@pytest.mark.parametrize("answer", [{}, {"status": None}, {"status": {"allowed": False}}])
def test_no_answer_is_no_permission(answer: Any) -> None:
    cluster = Reviewing()
    cluster.send = lambda request: answer  # type: ignore[method-assign]
    assert preflight.is_allowed(cluster, right()) is False


def test_optional_permissions_are_not_asked_for() -> None:
    cluster = Reviewing(("get", "pods"), ("list", "pods"))
    needs = [need(right(optional=True)), need(right("list")), need(right("watch"))]
    assert preflight.missing(cluster, needs) == [needs[1]]
    assert sorted(each["verb"] for each in cluster.reviews) == ["list", "watch"]


def test_a_server_that_answers_no_review_is_refused() -> None:
    cluster = Reviewing()

    def away(request: Request) -> Object:
        raise ServerTrouble(503, "away")

    cluster.send = away  # type: ignore[method-assign]
    with pytest.raises(Refused, match="does not report permissions: away"):
        preflight.missing(cluster, [need(right())])


# ----- words


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (right(), "get pods in all namespaces"),
        (right(namespace="shop"), "get pods in namespace shop"),
        (right("create", "pods/eviction", namespace="shop"),
         "create pods/eviction in namespace shop"),
        (right(group="apps", resource="deployments", name="web", namespace="shop"),
         "get deployments.apps web in namespace shop"),
        (right(resource="nodes"), "get nodes"),
        (right("patch", "nodes/status"), "patch nodes/status"),
        (right(resource="namespaces", namespace="shop", name="shop"), "get namespaces shop"),
    ],
)  # fmt: skip
def test_a_missing_permission_is_described_in_words(one: Right, text: str) -> None:
    assert preflight.phrase(one) == text


@pytest.mark.parametrize(
    ("lacking", "parts"),
    [
        ([need(right("delete", namespace="shop"), "kill")],
         ["ada lacks 1 permission in 'fake':", "  delete pods in namespace shop: for `kill`\n"]),
        ([need(right(), RUN), need(right("list"), "a", "b"), need(right("watch"), "a", "b", "c")],
         ["ada lacks 3 permissions in", "get pods in all namespaces: for every run\n",
          "for `a` and 1 more\n", "for `a` and 2 more\n"]),
    ],
)  # fmt: skip
def test_what_is_missing_is_named_with_its_steps_and_its_roles(
    lacking: list[Need], parts: list[str]
) -> None:
    told = preflight.explained(lacking, Reviewing())
    assert [part for part in parts if part not in told] == []
    assert "pipes this to `kubectl apply -f -`:\napiVersion: rbac" in told
    assert "name: pytest-resilience-user-ada-" in told
    assert "-more" in told


@pytest.mark.parametrize("who", [{}, {"status": None}, {"status": {"userInfo": None}}])
def test_an_identity_without_a_name_is_the_empty_one(who: Any) -> None:
    cluster = Reviewing()
    cluster.who = who
    assert preflight.whoami(cluster) == ""
    assert preflight.whoami(Reviewing()) == "ada"


def test_only_what_is_missing_refuses() -> None:
    preflight.require(Reviewing(), [need(right())])
    with pytest.raises(Refused, match="ada lacks 1 permission"):
        preflight.require(Reviewing(("get", "pods")), [need(right())])


# ----- a namespace that is not there


def test_a_namespace_that_is_there_needs_nothing_more() -> None:
    assert preflight.absent(Reviewing(), "shop", creates=False) == ()
    cluster = Reviewing()
    cluster.faults.append(lambda method, path: Forbidden(403, "no"))
    assert preflight.absent(cluster, "shop", creates=False) == (), "it is asked for with the rest"


def test_one_that_a_step_creates_needs_the_permissions_to_undo_that() -> None:
    with pytest.raises(Refused, match="create it: kubectl create namespace new"):
        preflight.absent(Reviewing(), "new", creates=False)
    found = preflight.absent(Reviewing(), "new", creates=True)
    assert {(each.right.verb, each.right.namespace) for each in found
            if each.right.resource == "namespaces"} == {
        ("get", ""), ("create", ""), ("delete", "")}  # fmt: skip
    assert ("list", "pods", "new") in {
        (each.right.verb, each.right.resource, each.right.namespace) for each in found
    }
    assert {each.why for each in found} == {("namespace new does not exist yet",)}


@pytest.mark.parametrize("creates", [True, False])
def test_one_that_is_being_deleted_is_refused(creates: bool) -> None:
    cluster = Reviewing()
    cluster.change(NAMESPACES, "", "shop",
                   lambda obj: obj["metadata"].update(deletionTimestamp="x"))  # fmt: skip
    with pytest.raises(Refused, match="namespace shop of 'fake' is being deleted"):
        preflight.absent(cluster, "shop", creates=creates)


# ----- permissions by labels


def test_a_permission_by_labels_becomes_one_for_each_namespace_that_has_them() -> None:
    cluster = Reviewing()
    for name in ("a", "b"):
        cluster.put(NAMESPACES, {"metadata": {"name": name, "labels": {"team": "x"}}})
    needs = [need(right(selected="team=x"), "s"), need(right("list", namespace="a"), "t"),
             need(right("watch", selected="team=none"), "u")]  # fmt: skip
    found = preflight.placed_in(cluster, needs)
    assert [(each.right.verb, each.right.namespace, each.right.selected, each.why)
            for each in found] == [
        ("get", "a", "", ("s",)), ("get", "b", "", ("s",)), ("list", "a", "", ("t",))]  # fmt: skip
    cluster.faults.append(lambda method, path: Forbidden(403, "no"))
    assert [each.right.verb for each in preflight.placed_in(cluster, needs)] == ["list"]


# ----- the whole


def ask(cluster: Reviewing, wanted: Scenario, namespace: str = "shop") -> None:
    preflight.ask(cluster, wanted, namespace, "")


class Helping:
    """A verb that cannot be done here, or that needs a helper Pod."""

    def __init__(self, pod: Object | None = None, why: str = "") -> None:
        self.pod, self.why, self.name, self.touches = pod, why, "help", None

    def possible(self, parameters: Any, cluster: Any) -> None:
        if self.why:
            raise Refused(self.why)

    def helpers(self, parameters: Any, namespace: str, cluster: Any) -> list[Object]:
        return [self.pod] if self.pod else []

    def rights(self, parameters: Any, namespace: str) -> tuple[Right, ...]:
        return (right("create", namespace=namespace),)

    def creates(self, parameters: Any, namespace: str) -> tuple[str, ...]:
        return ()

    def describe(self, parameters: Any) -> str:
        return "help out"


def helping(pod: Object | None = None, why: str = "", optional: bool = False) -> Step:
    verb: Any = Helping(pod, why)
    return Step(verb=verb, parameters=None, phase=Phase.WHEN, path="when[0]", name="",
                place=Place("x.scenario.yaml", 1, 1), optional=optional)  # fmt: skip


def helper(**context: Any) -> Object:
    container = {"name": "c", **({"securityContext": context} if context else {})}
    return {"metadata": {"name": "h", "namespace": "shop"}, "spec": {"containers": [container]}}


def test_a_scenario_that_is_allowed_passes_and_leaves_nothing() -> None:
    cluster = Reviewing()
    ask(cluster, scenario(NAP, helping(helper())))
    assert cluster.find(PODS) == []
    assert ("POST", "/api/v1/namespaces/shop/pods") in cluster.calls


@pytest.mark.parametrize("optional", [True, False])
def test_an_impossible_step_is_refused_unless_it_is_optional(optional: bool) -> None:
    wanted = scenario(helping(helper(), why="not here", optional=optional))
    cluster = Reviewing()
    if optional:
        ask(cluster, wanted)
        assert not [path for method, path in cluster.calls if method == "POST"]
    else:
        with pytest.raises(Refused, match="not here"):
            ask(cluster, wanted)


def test_a_scenario_needs_its_namespace_unless_it_applies_something_first(tmp_path: Path) -> None:
    apply = step(APPLY, Phase.GIVEN, file=Path("x.yaml"))
    with pytest.raises(Refused, match="namespace new does not exist"):
        ask(Reviewing(), scenario(NAP), "new")
    denied = Reviewing(("create", "namespaces"))
    with pytest.raises(Refused, match="namespace new does not exist yet"):
        ask(denied, scenario(NAP, given=(NAP, apply)), "new")
    with pytest.raises(Refused, match="nothing under `given:` creates it"):
        ask(Reviewing(), scenario(NAP, given=(NAP,)), "new")


def test_a_missing_permission_of_a_step_is_refused() -> None:
    with pytest.raises(Refused, match="create pods in namespace shop: for `help out`"):
        ask(Reviewing(("create", "pods")), scenario(helping()))


@pytest.mark.parametrize(
    ("error", "pod", "told"),
    [
        (Forbidden(403, "violates PodSecurity"), helper(), "does not admit it: violates PodSec"),
        (Invalid(422, "no such class"), helper(), "does not admit it: no such class"),
        (Forbidden(403, "no"), helper(privileged=True), "PodSecurity level `privileged` admits it"),
        (Forbidden(403, "no"), helper(capabilities={"add": ["SYS_NICE"]}),
         "`real_time_prober = true`, so only PodSecurity level `privileged` admits"),
        (Forbidden(403, "no"), helper(capabilities={"add": ["CHOWN"]}), ""),
        (Forbidden(403, "no"), helper(runAsUser=1), ""),
        (ServerTrouble(500, "a webhook without dry runs"), helper(), None),
        (ApiError(400, "odd"), helper(), None),
    ],
)  # fmt: skip
def test_a_helper_pod_that_is_not_admitted_is_refused(
    error: ApiError, pod: Object, told: str | None
) -> None:
    cluster = Reviewing()
    cluster.faults.append(lambda method, path: error if method == "POST" else None)
    if told is None:
        ask(cluster, scenario(helping(pod)))
        return
    with pytest.raises(Refused) as found:
        ask(cluster, scenario(helping(pod)))
    text = str(found.value)
    assert text.startswith("`help out` needs a helper Pod in namespace shop, which")
    assert told in text
    powers = "privileged" in str(pod) or "SYS_NICE" in str(pod)
    assert ("PodSecurity level" in text) is powers


# ----- which permissions


def test_every_run_reads_its_namespace_and_writes_its_journal() -> None:
    plain = of_every_run("shop")
    needs = {"namespaces", "pods", "replicasets"}
    tells = {"events", "poddisruptionbudgets"}
    assert {each.resource for each in plain if not each.optional} == needs
    assert {each.resource for each in plain if each.optional} == tells
    more = set(of_every_run("shop", "journal")) - set(plain)
    assert {each.namespace for each in more} == {"journal"}
    assert {(each.verb, each.resource) for each in more} == {
        ("get", "namespaces"), ("get", "leases"), ("create", "leases"), ("update", "leases"),
        ("get", "configmaps"), ("list", "configmaps"), ("create", "configmaps"),
        ("patch", "configmaps"), ("delete", "configmaps"),
    }  # fmt: skip
    assert not any(each.optional for each in more)


@pytest.mark.parametrize(
    ("wide", "narrow", "left"),
    [
        (right("*"), right(), 1),
        (right(group="*"), right(group="apps"), 1),
        (right(resource="*"), right(), 1),
        (right(), right(namespace="a"), 1),
        (right(namespace="a"), right(namespace="a", name="b"), 1),
        (right(), right(selected="team=x"), 1),
        (right(), right("list"), 2),
        (right(namespace="a"), right(namespace="b"), 2),
        (right(name="a"), right(name="b"), 2),
        (right(selected="a=b"), right(selected="c=d"), 2),
        (right(optional=True), right(namespace="a"), 2),
        (right(optional=True), right(namespace="a", optional=True), 1),
        (right(), right(namespace="a", optional=True), 1),
        (right(), right(optional=True), 1),
    ],
)
def test_a_permission_that_another_includes_is_left_out(
    wide: Right, narrow: Right, left: int
) -> None:
    found = merged([(narrow, "n"), (wide, "w")])
    assert len(found) == left
    assert wide in {each.right for each in found}


def test_an_optional_permission_includes_none_that_is_needed() -> None:
    assert permissions._includes(right(optional=True), right()) is False
    assert permissions._includes(right(), right()) is True


@dataclass(frozen=True, kw_only=True)
class Flow:
    """Parameters with steps in them."""

    steps: tuple[Step, ...]
    one: Step
    number: int = 1


def test_steps_in_steps_follow_theirs() -> None:
    inner = [replace(NAP, path=f"when[0].{n}") for n in range(3)]
    outer = replace(NAP, parameters=Flow(steps=(inner[0], inner[1]), one=inner[2]))
    assert list(flattened([outer, NAP])) == [outer, *inner, NAP]


def test_each_step_is_named_once_and_needs_are_sorted() -> None:
    found = merged([(right("watch"), "b"), (right(), "a"), (right(), "b"), (right(), "a")])
    assert [(each.right.verb, each.why) for each in found] == [
        ("get", ("a", "b")), ("watch", ("b",)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("one", "asked"),
    [
        (right("delete", namespace="a"), ["a"]),
        (right("*", namespace="a"), ["a"]),
        (right("delete", "deployments", namespace="a"), ["a"]),
        (right("get", namespace="a"), []),
        (right("patch", "nodes"), []),
        (right("create", "pods/eviction"), [""]),
        (right("delete", "*"), [""]),
    ],
)
def test_who_writes_may_see_whether_there_is_a_pause(one: Right, asked: list[str]) -> None:
    found = of_pause([one])
    assert [each.namespace for each in found] == asked
    assert all(not each.optional and each.verb == "get" for each in found)
    assert [each.name for each in found] == asked


def test_a_command_reads_the_namespaces_that_it_names_and_no_pattern() -> None:
    found = permissions.of_command(["shop", "team-*"], "journal")
    named = [each.name for each in found if each.resource == "namespaces"]
    assert named == ["shop", "kube-system", "journal"]


def test_files_of_a_step_are_read_in_the_scenarios_folder() -> None:
    apply = step(APPLY, Phase.GIVEN, file=Path("x.yaml"))
    placed = permissions.placed(apply.parameters, Path("/there"))
    assert placed.file == Path("/there/x.yaml")
    assert permissions.placed(NAP.parameters, Path("/there")) is NAP.parameters
    assert permissions.placed(None, Path("/there")) is None
    assert permissions.placed(type(NAP.parameters), Path("/there")) is type(NAP.parameters)


def test_a_scenarios_permissions_are_those_of_every_run_and_of_its_steps() -> None:
    found = permissions.needed(scenario(NAP, helping()), "shop")
    why = {each.right: each.why for each in found}
    assert why[right("create", namespace="shop")] == ("help out",)
    pause = right(resource="namespaces", namespace="shop", name="shop")
    assert why[pause] == (RUN, "help out")
    assert {each for each in of_every_run("shop")} <= set(why)


# ----- plans


def plan(**more: Any) -> Plan:
    return Plan(id="p", title="p", namespaces=("shop",), store="file:/x",
                place=Place("x.plan.yaml", 1, 1), **more)  # fmt: skip


@pytest.mark.parametrize("looks", ["dumps", "hooks", "sentinel", "volumes"])
def test_a_plan_that_looks_inside_needs_helper_pods(looks: str) -> None:
    plain = plan_permissions.of_plan(plan())
    assert not any(each.resource == "pods/exec" for each in plain)
    inside: Any = {looks: Volumes() if looks == "volumes" else (object(),)}
    found = plan_permissions.of_plan(plan(**inside))
    assert right("create", "pods/exec", namespace="shop") in found


def test_a_drill_needs_nearly_everything_and_what_proves_it() -> None:
    bare = set(plan_permissions.of_drill(plan()))
    anything = {Right(verb=verb, group="*", resource="*")
                for verb in ("get", "list", "create", "patch")}  # fmt: skip
    assert bare == anything | {
        Right(verb="update", group="coordination.k8s.io", resource="leases"),
        right("delete", "pods"), right("delete", "namespaces"),
    }  # fmt: skip
    proven = set(plan_permissions.of_drill(plan(drill=Drill(then=(helping(),)))))
    assert proven - bare == {right("create")}
