"""What is believed of a conversion webhook's answer, and in which words it is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from resilience.sandbox.apiserver.custom import conversion_reviews as reviews
from resilience.sandbox.apiserver.custom.custom_definition import Custom

Obj = dict[str, Any]
TARGET = "e.org/v2"
OBJ: Obj = {
    "apiVersion": "e.org/v1",
    "kind": "Thing",
    "metadata": {"name": "a", "namespace": "n", "uid": "u", "labels": {"x": "y"}},
}


def custom(*versions: str) -> Custom:
    hook = {"conversionReviewVersions": versions}
    return Custom(name="things.e.org", group="e.org", kind="Thing", storage="v1", versions={},
                  conversion={"strategy": "Webhook", "webhook": hook}, epoch=1)  # fmt: skip


def answer(asked: Obj, **response: Any) -> Obj:
    good = {**asked["request"]["objects"][0], "apiVersion": TARGET}
    return {
        "apiVersion": asked["apiVersion"],
        "kind": "ConversionReview",
        "response": {"uid": "q", "convertedObjects": [good], "result": {"status": "Success"},
                     **response},
    }  # fmt: skip


def metadata(**change: Any) -> Callable[[Obj], Obj]:
    def act(asked: Obj) -> Obj:
        obj = {**OBJ, "apiVersion": TARGET, "metadata": {**OBJ["metadata"], **change}}
        return answer(asked, convertedObjects=[obj])

    return act


WRONG: dict[str, tuple[Callable[[Obj], Any], str]] = {
    "another kind": (
        lambda asked: {"kind": "X", "apiVersion": "y"},
        "failed: expected webhook response of apiextensions.k8s.io/v1, Kind=ConversionReview,"
        " got y, Kind=X",
    ),
    "no response": (
        lambda asked: {"kind": "ConversionReview", "apiVersion": asked["apiVersion"]},
        "failed: no response provided",
    ),
    "another review": (
        lambda asked: answer(asked, uid="other"),
        'failed: expected response.uid="q", got "other"',
    ),
    "a failure": (
        lambda asked: answer(asked, result={"status": "Failure", "message": "no way"}),
        "failed: no way",
    ),
    "a failure without a word": (
        lambda asked: answer(asked, result={}),
        "failed: response.result.status was '', not 'Success'",
    ),
    "no object": (
        lambda asked: answer(asked, convertedObjects=[]),
        "returned 0 objects, expected 1",
    ),
    "the old version": (
        lambda asked: answer(asked, convertedObjects=[OBJ]),
        "returned invalid object at index 0: invalid groupVersion (expected e.org/v2, received"
        " e.org/v1)",
    ),
    "another kind of object": (
        lambda asked: answer(asked, convertedObjects=[{**OBJ, "apiVersion": TARGET, "kind": "B"}]),
        "returned invalid object at index 0: invalid kind (expected Thing, received B)",
    ),
    "another name": (
        metadata(name="b"),
        "returned invalid object: must have the same name: a != b",
    ),
    "another namespace": (
        metadata(namespace="b"),
        "returned invalid object: must have the same namespace: n != b",
    ),
    "another uid": (metadata(uid="b"), "returned invalid object: must have the same UID: u != b"),
    "a label that is no text": (
        metadata(labels={"x": 1}),
        "returned invalid metadata: metadata.labels[x] must be a string, but is int64 in"
        " converted object",
    ),
    "labels that are no map": (
        metadata(labels=["x"]),
        "returned invalid metadata: invalid metadata.labels in converted object",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_with_an_answer(name: str) -> None:
    act, text = WRONG[name]
    asked = reviews.question(custom("v1"), OBJ, TARGET, "q")
    with pytest.raises(reviews.ConversionFailed) as failed:
        reviews.converted(asked, act(asked))
    assert str(failed.value) == text


def test_a_label_that_no_object_may_have() -> None:
    asked = reviews.question(custom("v1"), OBJ, TARGET, "q")
    with pytest.raises(reviews.ConversionFailed, match=r"invalid metadata: metadata\.labels: Inv"):
        reviews.converted(asked, metadata(labels={"x": "not valid!"})(asked))


def test_the_old_review_is_believed_without_its_uid() -> None:
    asked = reviews.question(custom("v9", "v1beta1", "v1"), OBJ, TARGET, "q")
    assert asked["apiVersion"] == "apiextensions.k8s.io/v1beta1"
    assert reviews.converted(asked, answer(asked, uid=""))["apiVersion"] == TARGET


def test_a_webhook_that_speaks_no_known_review_is_not_asked() -> None:
    with pytest.raises(reviews.ConversionFailed, match="no supported conversion review versions"):
        reviews.question(custom("v9"), OBJ, TARGET, "q")


def test_a_write_that_is_tried_again_asks_the_same_question() -> None:
    def mark(**change: Any) -> str:
        obj = {**OBJ, "metadata": {**OBJ["metadata"], **change}}
        return reviews.fingerprint(custom("v1"), obj, TARGET)

    assert mark(uid="other", creationTimestamp="now") == mark()
    assert mark(generateName="a-", name="a-1") == mark(generateName="a-", name="a-2")
    assert mark(labels={}) != mark()
    assert mark(name="b") != mark()


def test_metadata_is_the_originals_but_for_labels_and_annotations() -> None:
    given = {"apiVersion": TARGET, "metadata": {"name": "z", "annotations": {"k": "v"}}, "a": 1}
    assert reviews.restored(OBJ, given) == {
        "apiVersion": TARGET,
        "a": 1,
        "metadata": {"name": "a", "namespace": "n", "uid": "u", "annotations": {"k": "v"}},
    }
