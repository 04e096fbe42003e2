"""A file of patches, in the form of Velero's resource modifiers.

    version: v1
    resourceModifierRules:
    - conditions:
        groupResource: deployments.apps        # or a pattern
        resourceNameRegex: "^web"
        namespaces: [shop]                     # of the snapshot
        labelSelector: {matchLabels: {app: web}}
        matches: [{path: /spec/replicas, value: "3"}]
      patches: [{operation: replace, path: /spec/replicas, value: "0"}]
      mergePatches: [{patchData: '{"metadata": {"labels": {"team": null}}}'}]

      strategicPatches: [{patchData: '{"spec": {...}}'}]

Every problem of a file is one sentence of `BadRequest` with the number of its rule.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from resilience.backup.format.errors import BadRequest
from resilience.backup.modify.json_patch import OPERATIONS
from resilience.backup.modify.patch_rule import PatchRule
from resilience.model.nearest import did_you_mean

_CONDITIONS = ("groupResource", "resourceNameRegex", "namespaces", "labelSelector", "matches")
_RULE = ("conditions", "patches", "mergePatches", "strategicPatches")
_SELECTOR = ("matchLabels", "matchExpressions")
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")


def rules(path: str) -> list[PatchRule]:
    """The rules of one file."""
    import yaml

    try:
        found = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else problem
        raise BadRequest(f"{path}: {reason}") from None
    except yaml.YAMLError as problem:
        raise BadRequest(f"{path} is not YAML: {' '.join(str(problem).split())}") from None
    if not isinstance(found, dict) or found.keys() != {"version", "resourceModifierRules"}:
        raise BadRequest(f"{path}: expected `version: v1` and `resourceModifierRules`")
    if found["version"] != "v1":
        raise BadRequest(f"{path}: version {found['version']!r}; expected v1")
    listed = _list(found["resourceModifierRules"], f"{path}: resourceModifierRules")
    return [_rule(f"rule {number} of {path}", each) for number, each in enumerate(listed, 1)]


def _rule(name: str, rule: Any) -> PatchRule:
    held = _mapping(rule, name, _RULE)
    where = _mapping(held.get("conditions"), f"{name}: conditions", _CONDITIONS)
    kinds = _text(where.get("groupResource"), f"{name}: conditions.groupResource")
    if not any(held.get(key) for key in _RULE[1:]):
        raise BadRequest(f"{name}: it has neither {', '.join(_RULE[1:-1])} nor {_RULE[-1]}")
    return PatchRule(
        name=name,
        kinds=kinds,
        names=_pattern(where.get("resourceNameRegex", ""), name),
        namespaces=tuple(map(str, _list(where.get("namespaces", []), f"{name}: namespaces"))),
        labels=_mapping(where.get("labelSelector", {}), f"{name}: labelSelector", _SELECTOR),
        matches=[_match(each, name) for each in _list(where.get("matches", []), name)],
        patch=[_operation(each, name) for each in _list(held.get("patches", []), name)],
        merges=_merges(held, name, "mergePatches"),
        strategic=_merges(held, name, "strategicPatches"),
    )


def _match(each: Any, name: str) -> Mapping[str, Any]:
    held = _mapping(each, f"{name}: matches", ("path", "value"))
    return {
        "op": "test",
        "path": _pointer(held.get("path"), name),
        "value": value(held.get("value")),
    }


def _operation(each: Any, name: str) -> Mapping[str, Any]:
    held = _mapping(each, f"{name}: patches", ("operation", "path", "from", "value"))
    op = held.get("operation")
    if op not in OPERATIONS:
        raise BadRequest(
            f"{name}: operation {op!r}; expected one of {', '.join(sorted(OPERATIONS))}"
        )
    done: dict[str, Any] = {"op": op, "path": _pointer(held.get("path"), name)}
    if op in ("move", "copy"):
        done["from"] = _pointer(held.get("from"), name)
    elif op != "remove":
        if "value" not in held:
            raise BadRequest(f"{name}: {op} {done['path']} has no value")
        done["value"] = value(held["value"])
    return done


def value(written: Any) -> Any:
    """Velero's values are text: what reads as JSON is JSON, the rest is a string, and a string that
    looks like a number has quotes of its own (internal/resourcemodifiers/json_patch.go)."""
    if not isinstance(written, str):
        return written
    text = written.strip()
    if text[:1] in ("{", "[", '"') or text in ("null", "true", "false") or _NUMBER.fullmatch(text):
        try:
            return json.loads(text)
        except ValueError:
            return written
    return written


def _merges(held: Mapping[str, Any], name: str, key: str) -> tuple[Mapping[str, Any], ...]:
    return tuple(_merge(each, f"{name}: {key}") for each in _list(held.get(key, []), name))


def _merge(each: Any, name: str) -> Mapping[str, Any]:
    import yaml

    held = _mapping(each, name, ("patchData",))
    data = held.get("patchData")
    try:
        found = yaml.safe_load(data) if isinstance(data, str) else data
    except yaml.YAMLError:
        found = None
    if not isinstance(found, dict) or not found:
        raise BadRequest(f"{name}: patchData {data!r}; expected a JSON or YAML object")
    return found


def _pattern(text: Any, name: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except (re.error, TypeError) as problem:
        raise BadRequest(f"{name}: resourceNameRegex {text!r}: {problem}") from None


def _pointer(text: Any, name: str) -> str:
    if not isinstance(text, str) or not text.startswith("/"):
        raise BadRequest(f"{name}: path {text!r}; expected a JSON pointer such as /spec/replicas")
    return text


def _text(text: Any, what: str) -> str:
    if not isinstance(text, str) or not text:
        raise BadRequest(f"{what}: {text!r}; expected a kind such as deployments.apps")
    return text


def _list(found: Any, what: str) -> list[Any]:
    if not isinstance(found, list):
        raise BadRequest(f"{what}: {found!r}; expected a list")
    return found


def _mapping(found: Any, what: str, keys: Sequence[str]) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise BadRequest(f"{what}: {found!r}; expected a mapping")
    for key in found:
        if key not in keys:
            raise BadRequest(f"{what}: unknown key {key!r}{did_you_mean(str(key), keys)}")
    return found
