"""Fleets: the clusters on which one run carries out the same scenarios and plans.

A fleet is a list of contexts (`--resilience-context a,b,c`) or a file (`--resilience-fleet FILE`)
with a table `[clusters.NAME]` for each cluster. Every key is checked, as in targets. A fleet grants
nothing: each cluster consents for itself.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from resilience.config.settings import BadSetting, Settings
from resilience.config.target_keys import Key
from resilience.config.targets import BadTarget, load
from resilience.model.nearest import did_you_mean

STORE = "RESILIENCE_STORE"
"""The variable that the key `store` sets, for plans that say `store: ${RESILIENCE_STORE}`."""

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TAG = re.compile(r"[A-Za-z_]\w*")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_tags(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(each, str) and _TAG.fullmatch(each) for each in value
    )


def _is_variables(value: Any) -> bool:
    return isinstance(value, dict) and all(
        _VARIABLE.fullmatch(name) and isinstance(text, str) and "\0" not in text
        for name, text in value.items()
    )


KEYS: Mapping[str, Key] = {
    "context": Key(
        "text", _is_text, "Its kubeconfig context, or `in-cluster`.", '"prod-eu"', "the target's"
    ),
    "kubeconfig": Key(
        "text",
        _is_text,
        "The kubeconfig file with that context, relative to the fleet file.",
        '"eu.kubeconfig"',
        "the option `kubeconfig`",
    ),
    "target": Key(
        "text",
        _is_text,
        "The target whose uid this cluster must have. Scenarios are refused if the context"
        " leads to another cluster.",
        '"prod-eu"',
        "any target with its uid",
    ),
    "store": Key(
        "text",
        _is_text,
        f"The store of its backups: the value of `${{{STORE}}}` in plans and scenarios.",
        '"s3://backups-eu/shop"',
        "none",
    ),
    "tags": Key(
        "a list of words of letters, digits and underscores",
        _is_tags,
        "Marks all its scenarios: `-m eu` selects them.",
        '["eu", "prod"]',
        "none",
    ),
    "environment": Key(
        "a table of texts",
        _is_variables,
        "Environment variables for its scenarios and for the plugin of its kubeconfig, such as"
        " the name of a profile. Not for secrets.",
        '{AWS_PROFILE = "eu"}',
        "none",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One cluster of a fleet. `variables` are in force whenever something is done for it."""

    name: str
    context: str
    kubeconfig: str = ""
    target: str = ""
    tags: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


def members(settings: Settings) -> tuple[Member, ...]:
    """The clusters of the fleet in their order, () without a fleet. BadSetting says what is wrong.
    Targets are read only for a cluster that names one and no context."""
    if settings.fleet:
        if settings.context:
            raise BadSetting(
                f"{settings.origin('fleet')} and {settings.origin('context')} both name clusters;"
                " expected one of them"
            )
        return _of_file(_path(settings), settings)
    return _listed(settings) if settings.is_fleet else ()


def _listed(settings: Settings) -> tuple[Member, ...]:
    names = [each.strip() for each in settings.context.split(",")]
    where = f"{settings.origin('context')}: {settings.context!r}"
    if not all(names):
        raise BadSetting(f"{where} has an empty name between commas; expected NAME,NAME")
    if twice := sorted({each for each in names if names.count(each) > 1}):
        raise BadSetting(f"{where} names {', '.join(twice)} twice; expected each context once")
    return tuple(Member(name=each, context=each, kubeconfig=settings.kubeconfig) for each in names)


def _path(settings: Settings) -> Path:
    """A path in an ini file is relative to the root."""
    path = Path(settings.fleet).expanduser()
    return settings.root / path if "ini" in settings.origin("fleet") else path


def _of_file(path: Path, settings: Settings) -> tuple[Member, ...]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise BadSetting(f"the fleet file {path} cannot be read: {error}") from None
    tables = document.pop("clusters", {})
    if document:
        raise BadSetting(f"{path}: unknown key {min(document)!r}; expected [clusters.NAME] only")
    if not isinstance(tables, dict) or not tables:
        raise BadSetting(f"{path} names no cluster; expected [clusters.NAME] for each")
    return tuple(_member(path, name, body, settings) for name, body in tables.items())


def _member(path: Path, name: str, body: Any, settings: Settings) -> Member:
    where = f"{path}: cluster {name!r}"
    if not _NAME.fullmatch(name):
        raise BadSetting(f"{where}; expected a name of letters, digits, dots and dashes")
    _check(where, body)
    own = body.get("kubeconfig", "")
    store = {STORE: body["store"]} if "store" in body else {}
    return Member(
        name=name,
        context=body.get("context") or _of_target(where, body, settings.root),
        kubeconfig=str(path.parent / Path(own).expanduser()) if own else settings.kubeconfig,
        target=body.get("target", ""),
        tags=tuple(body.get("tags", ())),
        variables=body.get("environment", {}) | store,
    )


def _check(where: str, body: Any) -> None:
    if not isinstance(body, dict):
        raise BadSetting(f"{where} is not a table")
    for key, value in body.items():
        if key not in KEYS:
            hint = did_you_mean(key, KEYS) or f"; expected {', '.join(sorted(KEYS))}"
            raise BadSetting(f"{where}: unknown key {key!r}{hint}")
        if not KEYS[key].fits(value):
            raise BadSetting(f"{where}: {key} = {value!r}; expected {KEYS[key].words}")
    if "store" in body and STORE in body.get("environment", {}):
        raise BadSetting(f"{where}: store and environment.{STORE} both name the store")


def _of_target(where: str, body: Mapping[str, Any], root: Path) -> str:
    target = body.get("target", "")
    if not target:
        raise BadSetting(f"{where} has no context; expected context = NAME or target = NAME")
    try:
        known = {each.name: each.context for each in load(root)}
    except BadTarget as error:
        raise BadSetting(f"{where}: its target cannot be read: {error}") from None
    if target not in known:
        hint = did_you_mean(target, known) or f"; there are {', '.join(sorted(known)) or 'none'}"
        raise BadSetting(f"{where}: there is no target {target!r}{hint}")
    return known[target]
