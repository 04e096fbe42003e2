"""Changes to an existing object that writing its former content again does not revert. Pure.

The API server refuses to revert some: a ConfigMap stays immutable, a claim never shrinks. After
others a controller has deleted something by then: the object itself, once it names owners that do
not exist (garbage collector); a Job that has ended; old revisions; the claims of a StatefulSet that
is scaled down. Kinds of other API groups are not known here, only their metadata.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from resilience.cluster.interface import Object, Resource
from resilience.kube.objects import mapping
from resilience.model.quantity import parse_quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """`kinds` are plurals with their group, () for all. `path` is the field; `breaks` says by its
    former and its new value whether the change is one; `why` ends the sentence."""

    kinds: tuple[str, ...]
    path: tuple[str, ...]
    breaks: Callable[[Any, Any], bool]
    why: str


def _added(was: Any, now: Any) -> bool:
    before = was or ()
    return any(each not in before for each in now or ())


def _removed(was: Any, now: Any) -> bool:
    return _added(now, was)


def _turned_on(was: Any, now: Any) -> bool:
    return now is True and was is not True


def _set(was: Any, now: Any) -> bool:
    return now is not None and now != was


def _lowered(was: Any, now: Any) -> bool:
    return now is not None and (was is None or now < was)


def _grown(was: Any, now: Any) -> bool:
    return bool(was and now) and parse_quantity(now) > parse_quantity(was)


def _stored_otherwise(was: Any, now: Any) -> bool:
    return bool(was) and _stored(was) != _stored(now)


def _stored(versions: Any) -> list[Any]:
    return [each.get("name") for each in versions or () if each.get("storage")]


_RULES = (
    _Rule(kinds=(), path=("metadata", "ownerReferences"), breaks=_added,
          why="the garbage collector deletes the object once none of its owners exists"),
    _Rule(kinds=("configmaps", "secrets"), path=("immutable",), breaks=_turned_on,
          why="the object stays immutable until it is deleted"),
    _Rule(kinds=("persistentvolumeclaims",), path=("spec", "resources", "requests", "storage"),
          breaks=_grown, why="a claim never shrinks"),
    _Rule(kinds=("persistentvolumeclaims",), path=("spec", "volumeName"), breaks=_set,
          why="a claim stays bound to its volume"),
    _Rule(kinds=("jobs.batch",), path=("spec", "ttlSecondsAfterFinished"), breaks=_lowered,
          why="the Job is deleted once it has ended"),
    _Rule(kinds=("jobs.batch", "pods"), path=("spec", "activeDeadlineSeconds"), breaks=_lowered,
          why="it fails for good when that time is over"),
    _Rule(kinds=("pods",), path=("spec", "schedulingGates"), breaks=_removed,
          why="a Pod never gets a gate again"),
    _Rule(kinds=("pods",), path=("spec", "tolerations"), breaks=_added,
          why="a Pod never loses a toleration"),
    _Rule(kinds=("cronjobs.batch",), path=("spec", "successfulJobsHistoryLimit"), breaks=_lowered,
          why="Jobs beyond the limit are deleted"),
    _Rule(kinds=("cronjobs.batch",), path=("spec", "failedJobsHistoryLimit"), breaks=_lowered,
          why="Jobs beyond the limit are deleted"),
    _Rule(kinds=("deployments.apps", "statefulsets.apps", "daemonsets.apps"),
          path=("spec", "revisionHistoryLimit"), breaks=_lowered,
          why="revisions beyond the limit are deleted"),
    _Rule(kinds=("customresourcedefinitions.apiextensions.k8s.io",), path=("spec", "versions"),
          breaks=_stored_otherwise, why="objects are stored in the new version from then on"),
)  # fmt: skip


def why(resource: Resource, before: Object, after: Object) -> str:
    """The first change of this kind as a sentence, "" for none."""
    return next(_found(resource, before, after), "")


def _found(resource: Resource, before: Object, after: Object) -> Iterator[str]:
    full = resource.full_name
    for rule in _RULES:
        if rule.kinds and full not in rule.kinds:
            continue
        was, now = _at(before, rule.path), _at(after, rule.path)
        if rule.breaks(was, now):
            yield f"{'.'.join(rule.path)} would change, and {rule.why}"
    if full == "statefulsets.apps" and _drops_claims(before, after):
        yield (
            "spec.replicas would fall under persistentVolumeClaimRetentionPolicy.whenScaled "
            "`Delete`, and the claims of the Pods that go are deleted with their data"
        )


def _drops_claims(before: Object, after: Object) -> bool:
    policies = (_at(each, ("spec", "persistentVolumeClaimRetentionPolicy")) for each in
                (before, after))  # fmt: skip
    deletes = any(mapping(each).get("whenScaled") == "Delete" for each in policies)
    was, now = (_at(each, ("spec", "replicas")) for each in (before, after))
    templates = _at(before, ("spec", "volumeClaimTemplates"))
    return bool(templates) and deletes and _replicas(now) < _replicas(was)


def _replicas(value: Any) -> int:
    return 1 if value is None else int(value)


def _at(obj: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        obj = mapping(obj).get(key)
    return obj
