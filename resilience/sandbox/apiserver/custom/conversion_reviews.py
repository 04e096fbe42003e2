"""ConversionReviews: the request to a conversion webhook, and the checks of its answer.

Source: k8s.io/apiextensions-apiserver/pkg/apiserver/conversion/webhook_converter.go, with its
words. Pure functions.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from resilience.sandbox.apiserver.custom.custom_definition import Custom
from resilience.sandbox.apiserver.validation import metadata_names
from resilience.sandbox.kube.api import Obj
from resilience.sandbox.store.store import clone

GROUP = "apiextensions.k8s.io"
KNOWN = ("v1", "v1beta1")
"""Supported versions of the review."""
_OF_ONE_WRITE = ("uid", "creationTimestamp", "generation", "managedFields", "resourceVersion")
"""Metadata that differs when the same write is tried again."""


class ConversionFailed(Exception):
    """The webhook gave no usable object; the text continues `conversion webhook for KIND`."""


def subject(obj: Obj) -> str:
    """An object's kind, as Go prints it."""
    return f"{obj.get('apiVersion', '')}, Kind={obj.get('kind', '')}"


def question(custom: Custom, obj: Obj, target: str, uid: str) -> Obj:
    """The review that requests one object in another version; raises ConversionFailed."""
    offered = (custom.webhook or {}).get("conversionReviewVersions") or ()
    version = next((each for each in offered if each in KNOWN), None)
    if version is None:
        raise ConversionFailed("no supported conversion review versions")
    return {
        "kind": "ConversionReview",
        "apiVersion": f"{GROUP}/{version}",
        "request": {"uid": uid, "desiredAPIVersion": target, "objects": [obj]},
    }


def fingerprint(custom: Custom, obj: Obj, target: str) -> str:
    """The uid of a review, which is equal for equal objects, also when the write is tried again."""
    metadata = {k: v for k, v in obj["metadata"].items() if k not in _OF_ONE_WRITE}
    if metadata.get("generateName"):
        metadata.pop("name", None)
    text = json.dumps([custom.name, custom.epoch, target, {**obj, "metadata": metadata}],
                      sort_keys=True)  # fmt: skip
    return "conversion " + hashlib.sha256(text.encode()).hexdigest()


def converted(asked: Obj, answer: Any) -> Obj:
    """The object in an answer, compared with the one that was sent; raises ConversionFailed."""
    objects = _objects(asked, answer)
    if len(objects) != 1:
        raise ConversionFailed(f"returned {len(objects)} objects, expected 1")
    before, obj = asked["request"]["objects"][0], objects[0]
    if not isinstance(obj, dict):
        raise ConversionFailed("returned invalid object at index 0: it is no object")
    target = asked["request"]["desiredAPIVersion"]
    if obj.get("apiVersion") != target:
        raise ConversionFailed(
            "returned invalid object at index 0: invalid groupVersion (expected"
            f" {target}, received {obj.get('apiVersion', '')})"
        )
    if obj.get("kind") != before.get("kind"):
        raise ConversionFailed(
            f"returned invalid object at index 0: invalid kind (expected {before.get('kind', '')},"
            f" received {obj.get('kind', '')})"
        )
    _same(before, obj)
    _metadata(before, obj)
    return obj


def _objects(asked: Obj, answer: Any) -> Sequence[Any]:
    version = asked["apiVersion"]
    given = answer if isinstance(answer, dict) else {}
    if version == f"{GROUP}/v1" and (
        (given.get("apiVersion"), given.get("kind")) != (version, "ConversionReview")
    ):
        raise ConversionFailed(
            f"failed: expected webhook response of {version}, Kind=ConversionReview, got"
            f" {subject(given)}"
        )
    response = given.get("response")
    if not isinstance(response, dict):
        raise ConversionFailed("failed: no response provided")
    wanted, got = asked["request"]["uid"], response.get("uid", "")
    if version == f"{GROUP}/v1" and got != wanted:
        raise ConversionFailed(f'failed: expected response.uid="{wanted}", got "{got}"')
    result = response.get("result") or {}
    if result.get("status") != "Success":
        why = result.get("message") or (
            f"response.result.status was '{result.get('status', '')}', not 'Success'"
        )
        raise ConversionFailed(f"failed: {why}")
    objects = response.get("convertedObjects") or []
    return objects if isinstance(objects, list) else []


def _same(before: Obj, obj: Obj) -> None:
    """Check that the webhook changed neither name, namespace nor uid."""
    was, is_ = before["metadata"], obj.get("metadata")
    is_ = is_ if isinstance(is_, dict) else {}
    for field, title in (("name", "name"), ("namespace", "namespace"), ("uid", "UID")):
        expected, found = was.get(field, ""), is_.get(field, "")
        if expected != found:
            raise ConversionFailed(
                f"returned invalid object: must have the same {title}: {expected} != {found}"
            )


def _metadata(before: Obj, obj: Obj) -> None:
    """Check labels and annotations, the only metadata that a webhook may change."""
    metadata = obj.get("metadata")
    start = "returned invalid metadata: "
    if not isinstance(metadata, dict):
        raise ConversionFailed(f"{start}missing metadata in converted object")
    for field, check in (("labels", metadata_names.pairs), ("annotations", metadata_names.notes)):
        given = metadata.get(field)
        if given is None:
            continue
        if not isinstance(given, dict):
            raise ConversionFailed(f"{start}invalid metadata.{field} in converted object")
        for key, value in given.items():
            if not isinstance(value, str):
                raise ConversionFailed(
                    f"{start}metadata.{field}[{key}] must be a string, but is"
                    f" {_go_type(value)} in converted object"
                )
        if given != before["metadata"].get(field):
            wrong = check(given, "metadata.labels" if field == "labels" else "metadata.annotation")
            if wrong:
                text = ", ".join(f"{cause.field}: {cause.message}" for cause in wrong)
                raise ConversionFailed(start + (text if len(wrong) == 1 else f"[{text}]"))


def _go_type(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int64"
    return {float: "float64", dict: "map[string]interface {}"}.get(type(value), "[]interface {}")


def restored(before: Obj, obj: Mapping[str, Any]) -> Obj:
    """A converted object with the metadata of the original, but its own labels and annotations."""
    metadata = dict(clone(before["metadata"]))
    for field in ("labels", "annotations"):
        metadata.pop(field, None)
        if obj["metadata"].get(field) is not None:
            metadata[field] = obj["metadata"][field]
    return {**obj, "metadata": metadata}
