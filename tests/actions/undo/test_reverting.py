"""One write with its record: what is in the journal is what is on the cluster, whatever answers."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from resilience.actions.undo import reverting
from resilience.cluster import errors
from resilience.cluster.interface import CONFIGMAPS, NODES, PODS, Object, Resource
from resilience.engine.journal.undo_context import Undoing
from resilience.kube import objects
from resilience.model.values import RunId
from resilience.verbs.context import ActionFailed, ChangedSince
from tests.engine.fakes import FakeClock, FakeCluster

RUN = RunId("r1")
BEFORE = {"colour": "red"}
CHANGED = "ConfigMap shop/a was changed by someone else since"
Fault = Callable[[str, str], errors.ApiError | None]


class Acting:
    """An action's journal: the record that stands, and how often it was written."""

    def __init__(self, cluster: FakeCluster) -> None:
        self.cluster, self.run = cluster, RUN
        self.record: Mapping[str, Any] | None = None
        self.written = 0

    def will_undo(self, data: Mapping[str, Any], text: str) -> str:
        self.record, self.written = copy.deepcopy(data), self.written + 1
        return text

    def amend_undo(self, undo: str, data: Mapping[str, Any]) -> None:
        self.will_undo(data, undo)

    def forget_undo(self, undo: str) -> None:
        self.record = None

    def spare(self, obj: Object) -> None:
        """Nobody was harmed."""


@pytest.fixture
def acting() -> Acting:
    cluster = FakeCluster(FakeClock())
    cluster.put(CONFIGMAPS, {"metadata": {"name": "a", "namespace": "shop"}, "data": BEFORE})
    return Acting(cluster)


def there(acting: Acting) -> Object:
    return copy.deepcopy(acting.cluster.have(CONFIGMAPS, "a", "shop"))


def paint(acting: Acting, text: str = "put it back", **more: Any) -> Object:
    return reverting.change(
        acting, CONFIGMAPS, there(acting),  # type: ignore[arg-type]
        lambda obj: obj["data"].update(colour="blue"), text, **more,
    )  # fmt: skip


def merge(acting: Acting, body: Any = None, text: str = "put it back") -> Object:
    whole = {"metadata": {"name": "a", "namespace": "shop"}, "data": {"colour": "blue"}}
    return reverting.merge(
        acting, CONFIGMAPS, there(acting), body or whole, text  # type: ignore[arg-type]
    )  # fmt: skip


def undo(
    acting: Acting, record: Mapping[str, Any] | None = None, *, force: bool = False
) -> Undoing:
    context = Undoing(
        cluster=acting.cluster, run=RUN, clock=acting.cluster.clock, deadline=200.0, force=force
    )
    found = record or acting.record
    assert found is not None
    reverting.undo(found, context)
    return context


def answering(acting: Acting, *answers: errors.ApiError | None) -> None:
    """The next changing requests are answered so, in this order; each is carried out for None."""
    left = list(answers)

    def fault(method: str, path: str) -> errors.ApiError | None:
        return left.pop(0) if method == "PATCH" and left else None

    acting.cluster.faults.append(fault)


def taken() -> errors.ApiError:
    return errors.Conflict(409, "the object has been modified", reason="Conflict")


# ----- the record


def test_the_record_says_what_is_undone_and_where(acting: Acting) -> None:
    paint(acting)
    assert acting.record == {
        "kind": "changed", "resource": reverting.described(CONFIGMAPS), "namespace": "shop",
        "name": "a", "uid": objects.uid(there(acting)), "run": "r1", "exact": False,
        "fields": [{"path": ["data", "colour"], "was": "red", "set": "blue"}],
    }  # fmt: skip
    assert acting.written == 1


def test_the_record_stands_before_the_write(acting: Acting) -> None:
    seen: list[Any] = []
    acting.cluster.faults.append(lambda method, path: seen.append(acting.record))
    paint(acting)
    assert [each["fields"][0]["set"] for each in seen] == ["blue"]
    assert [each["exact"] for each in seen] == [False]


def test_a_change_that_nobody_undoes_has_no_record(acting: Acting) -> None:
    paint(acting, text="")
    assert acting.written == 0
    assert there(acting)["data"] == {"colour": "blue"}


def test_what_the_server_adds_is_recorded_too(acting: Acting) -> None:
    patch = acting.cluster.patch

    def defaulting(*arguments: Any, **more: Any) -> Object:
        patch(*arguments, **more)
        acting.cluster.change(CONFIGMAPS, "shop", "a", lambda obj: obj["data"].update(size="9"))
        return there(acting)

    acting.cluster.patch = defaulting  # type: ignore[method-assign]
    paint(acting)
    assert acting.written == 2
    acting.cluster.patch = patch  # type: ignore[method-assign]
    undo(acting)
    assert there(acting)["data"] == BEFORE


@pytest.mark.parametrize(
    ("before", "after", "theirs"),
    [
        ({"colour": 1}, {"colour": {"a": 1}}, {"colour": {"a": 1, "theirs": 2}}),
        ({"colour": 1}, {"colour": {}}, {"colour": {"theirs": 2}}),
        ({"colour": [{}]}, {"colour": [{"a": 1}]}, {"colour": [{"a": 1, "theirs": 2}]}),
        ({"l": []}, {"l": [{"name": "x"}]}, {"l": [{"name": "x", "theirs": 2}]}),
    ],
)
def test_what_others_add_to_a_value_of_the_run_is_theirs(
    acting: Acting, before: Any, after: Any, theirs: Any
) -> None:
    acting.cluster.change(CONFIGMAPS, "shop", "a", lambda obj: obj.update(data=before))
    reverting.change(
        acting, CONFIGMAPS, there(acting),  # type: ignore[arg-type]
        lambda obj: obj["data"].update(after), "put it back",
    )  # fmt: skip
    acting.cluster.change(CONFIGMAPS, "shop", "a", lambda obj: obj.update(data=theirs))
    with pytest.raises(ChangedSince):
        undo(acting)
    assert there(acting)["data"] == theirs


@pytest.mark.parametrize("new", [{}, {"k": "v"}])
def test_a_new_container_and_its_fields_are_written_down_once(acting: Acting, new: Any) -> None:
    reverting.change(
        acting, CONFIGMAPS, there(acting),  # type: ignore[arg-type]
        lambda obj: obj["metadata"].update(labels=new), "put it back",
    )  # fmt: skip
    assert acting.written == 1


@pytest.mark.parametrize("mark", [True, False])
def test_a_mark_is_set_only_where_it_is_asked_for(acting: Acting, mark: bool) -> None:
    paint(acting, mark=mark)
    assert objects.annotation(there(acting), reverting.RUN) == ("r1" if mark else "")
    assert ("mark" in (acting.record or {})) is mark
    undo(acting)
    assert there(acting)["metadata"].get("annotations", {}) == {}


# ----- answers of the server


@pytest.mark.parametrize(
    ("error", "stands"),
    [
        (errors.Forbidden(403, "no"), False),
        (errors.Invalid(422, "no"), False),
        (errors.NotFound(404, "gone"), False),
        (errors.ServerTrouble(500, "perhaps"), True),
    ],
)
def test_a_refused_write_is_forgotten_and_a_lost_answer_is_not(
    acting: Acting, error: errors.ApiError, stands: bool
) -> None:
    answering(acting, error)
    with pytest.raises(type(error)):
        paint(acting)
    assert (acting.record is not None) is stands


@pytest.mark.parametrize("lost", [1, reverting.TRIES - 1])
def test_a_write_is_repeated_on_what_is_there_now(acting: Acting, lost: int) -> None:
    answering(acting, *[taken()] * lost)
    paint(acting)
    assert there(acting)["data"] == {"colour": "blue"}
    assert acting.record is not None


def test_a_write_that_loses_every_race_is_given_up_and_forgotten(acting: Acting) -> None:
    answering(acting, *[taken()] * reverting.TRIES)
    with pytest.raises(errors.Conflict):
        paint(acting)
    assert acting.record is None
    assert sum(method == "PATCH" for method, _ in acting.cluster.calls) == reverting.TRIES


def test_an_object_that_was_replaced_is_not_written_to(acting: Acting) -> None:
    answering(acting, taken())
    prior = there(acting)
    acting.cluster.remove(CONFIGMAPS, "shop", "a")
    acting.cluster.put(CONFIGMAPS, {"metadata": {"name": "a", "namespace": "shop"}, "data": {}})
    with pytest.raises(errors.Conflict, match="ConfigMap shop/a was replaced in the") as found:
        reverting.change(
            acting, CONFIGMAPS, prior,  # type: ignore[arg-type]
            lambda obj: obj["data"].update(colour="blue"), "put it back",
        )  # fmt: skip
    assert found.value.code == 409
    assert acting.record is None
    assert there(acting)["data"] == {}


# ----- merging a manifest


@pytest.mark.parametrize("answers", [(taken(),), (None, taken()), (taken(), None, taken())])
def test_a_merge_is_repeated_when_its_dry_run_or_its_write_came_too_late(
    acting: Acting, answers: tuple[errors.ApiError | None, ...]
) -> None:
    answering(acting, *answers)
    merge(acting)
    assert there(acting)["data"] == {"colour": "blue"}
    undo(acting)
    assert there(acting)["data"] == BEFORE


def test_a_merge_whose_dry_run_loses_every_race_is_given_up(acting: Acting) -> None:
    answering(acting, *[taken()] * reverting.TRIES)
    with pytest.raises(errors.Conflict):
        merge(acting)
    assert acting.record is None


def test_a_merge_records_what_a_dry_run_says_and_is_expected_to_last(acting: Acting) -> None:
    merge(acting)
    assert acting.record is not None
    assert acting.record["expected"] is True
    assert acting.record["fields"] == [{"path": ["data", "colour"], "was": "red", "set": "blue"}]
    assert sum(method == "PATCH" for method, _ in acting.cluster.calls) == 2


@pytest.mark.parametrize(
    "error",
    [
        errors.Forbidden(403, "no dry run"),
        errors.Invalid(422, "no"),
        errors.ServerTrouble(500, "?"),
    ],
)
def test_without_a_dry_run_the_record_is_what_the_manifest_says(
    acting: Acting, error: errors.ApiError
) -> None:
    answering(acting, error)
    merge(acting)
    undo(acting)
    assert there(acting)["data"] == BEFORE


def test_a_custom_resource_is_merged_the_way_it_supports(acting: Acting) -> None:
    kinds: list[tuple[str, bool]] = []
    patch = acting.cluster.patch

    def strict(*arguments: Any, **more: Any) -> Object:
        kinds.append((more["type"], more["dry_run"]))
        if more["type"] == "strategic":
            raise errors.ApiError(reverting.UNSUPPORTED_MEDIA, "unsupported media type")
        return patch(*arguments, **more)

    acting.cluster.patch = strict  # type: ignore[method-assign]
    assert merge(acting)["data"] == {"colour": "blue"}
    assert kinds == [
        ("strategic", True), ("merge", True), ("strategic", False), ("merge", False),
    ]  # fmt: skip


def test_any_other_refusal_of_a_merge_is_the_answer(acting: Acting) -> None:
    answering(acting, None, errors.Invalid(422, "not so"))
    with pytest.raises(errors.Invalid):
        merge(acting)
    assert acting.record is None


# ----- a subresource


def scaled(kind: Resource, acting: Acting) -> dict[str, Any]:
    return {
        "kind": "changed", "subresource": "scale", "resource": reverting.described(kind),
        "namespace": "shop", "name": "a", "uid": objects.uid(there(acting)), "run": "r1",
        "exact": True, "fields": [{"path": ["spec", "replicas"], "was": 1, "set": 5}],
    }  # fmt: skip


def test_a_subresource_is_written_and_reverted_through_it(acting: Acting) -> None:
    acting.cluster.change(CONFIGMAPS, "shop", "a", lambda obj: obj.update(spec={"replicas": 1}))
    patch = acting.cluster.patch

    def scale(*arguments: Any, **more: Any) -> Object:
        patch(*arguments, **more)
        return {"kind": "Scale", "metadata": {"name": "a"}, "spec": {"replicas": 5}}

    acting.cluster.patch = scale  # type: ignore[method-assign]
    answer = reverting.change(
        acting, CONFIGMAPS, there(acting),  # type: ignore[arg-type]
        lambda obj: obj["spec"].update(replicas=5), "put it back", subresource="scale",
    )  # fmt: skip
    assert acting.record == scaled(CONFIGMAPS, acting) | {"exact": False}
    assert answer["data"] == BEFORE
    undo(acting)
    assert there(acting)["spec"] == {"replicas": 1}
    written = [path for method, path in acting.cluster.calls if method == "PATCH"]
    assert [path.rpartition("/")[2] for path in written] == ["scale", "scale"]


def test_a_whole_object_is_reverted_as_a_whole(acting: Acting) -> None:
    paint(acting)
    undo(acting)
    assert acting.cluster.calls[-1] == ("PATCH", CONFIGMAPS.path("shop", "a"))


# ----- undo


def test_an_undo_with_nothing_left_to_revert_writes_nothing(acting: Acting) -> None:
    paint(acting)
    undo(acting)
    before = len(acting.cluster.calls)
    undo(acting)
    assert [method for method, _ in acting.cluster.calls[before:]] == ["GET"]


@pytest.mark.parametrize("lost", [1, reverting.TRIES - 1])
def test_an_undo_is_repeated_when_someone_was_faster(acting: Acting, lost: int) -> None:
    paint(acting)
    answering(acting, *[taken()] * lost)
    undo(acting)
    assert there(acting)["data"] == BEFORE


def test_an_undo_that_loses_every_race_fails(acting: Acting) -> None:
    paint(acting)
    answering(acting, *[taken()] * reverting.TRIES)
    with pytest.raises(ActionFailed, match="before each of 8 tries"):
        undo(acting)


def test_a_change_of_others_is_kept_told_and_remembered(acting: Acting) -> None:
    paint(acting)
    acting.cluster.change(CONFIGMAPS, "shop", "a", lambda obj: obj["data"].update(colour="green"))
    context = Undoing(cluster=acting.cluster, run=RUN, clock=acting.cluster.clock, deadline=200.0)
    with pytest.raises(ChangedSince, match=CHANGED):
        reverting.undo(acting.record or {}, context)
    assert context.kept(objects.uid(there(acting)))
    assert there(acting)["data"] == {"colour": "green"}


@pytest.mark.parametrize("expected", [True, False])
@pytest.mark.parametrize("replaced", [True, False])
def test_an_object_that_is_gone_is_told_where_it_was_expected_to_last(
    acting: Acting, expected: bool, replaced: bool
) -> None:
    paint(acting)
    record = {**(acting.record or {}), "expected": expected}
    acting.cluster.remove(CONFIGMAPS, "shop", "a")
    if replaced:
        new = {"metadata": {"name": "a", "namespace": "shop"}, "data": {"colour": "blue"}}
        acting.cluster.put(CONFIGMAPS, new)
    if not expected:
        undo(acting, record)
    else:
        why = "was deleted and recreated" if replaced else "is gone, although"
        with pytest.raises(ChangedSince, match=f"^ConfigMap shop/a {why}"):
            undo(acting, record)
    if replaced:
        assert there(acting)["data"] == {"colour": "blue"}


@pytest.mark.parametrize(
    ("resource", "terminating", "reverted"),
    [(PODS, True, False), (PODS, False, True), (CONFIGMAPS, True, True)],
)
def test_only_a_pod_that_is_leaving_is_left_alone(
    acting: Acting, resource: Resource, terminating: bool, reverted: bool
) -> None:
    leaving = {"deletionTimestamp": acting.cluster.stamp()} if terminating else {}
    meta = {"name": "p", "namespace": "shop", **leaving}
    obj = acting.cluster.put(resource, {"metadata": meta, "data": {"colour": "blue"}})
    record = scaled(resource, acting) | {
        "name": "p", "uid": objects.uid(obj), "subresource": "",
        "fields": [{"path": ["data", "colour"], "was": "red", "set": "blue"}],
    }  # fmt: skip
    undo(acting, record)
    found = acting.cluster.have(resource, "p", "shop")["data"]["colour"]
    assert found == ("red" if reverted else "blue")


def test_an_object_outside_of_namespaces_is_named_without_one(acting: Acting) -> None:
    record = scaled(NODES, acting) | {"namespace": None, "name": "n", "expected": True}
    with pytest.raises(ChangedSince, match=r"^Node n is gone"):
        undo(acting, record)


# ----- the mark


def marked(acting: Acting, edit: Callable[[Object], object]) -> None:
    paint(acting, mark=True)
    acting.cluster.change(CONFIGMAPS, "shop", "a", edit)


def unmark(obj: Object, **data: str) -> None:
    obj["metadata"]["annotations"] = {reverting.RUN: "another"}
    obj["data"].update(data)


def test_without_its_mark_nothing_is_taken_for_the_runs(acting: Acting) -> None:
    marked(acting, unmark)
    with pytest.raises(ChangedSince, match="no longer has the mark of this run") as found:
        undo(acting)
    assert 'data.colour is "blue"' in str(found.value)
    assert there(acting)["data"] == {"colour": "blue"}
    assert objects.annotation(there(acting), reverting.RUN) == "another"


def test_without_its_mark_a_field_of_others_is_named_as_theirs(acting: Acting) -> None:
    marked(acting, lambda obj: unmark(obj, colour="green"))
    with pytest.raises(ChangedSince, match=r'data.colour is "green", and this run set "blue"'):
        undo(acting)


def test_without_its_mark_an_object_that_is_as_it_was_needs_no_undo(acting: Acting) -> None:
    marked(acting, lambda obj: unmark(obj, colour="red"))
    undo(acting)
    assert there(acting)["data"] == BEFORE


def test_by_force_a_lost_mark_does_not_matter(acting: Acting) -> None:
    marked(acting, unmark)
    undo(acting, force=True)
    assert there(acting)["data"] == BEFORE


def test_with_its_mark_the_change_is_reverted(acting: Acting) -> None:
    marked(acting, lambda obj: obj["data"].update(mine="1"))
    undo(acting)
    assert there(acting)["data"] == {**BEFORE, "mine": "1"}
