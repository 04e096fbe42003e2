"""Detects the tool of a file, and translates it."""

from __future__ import annotations

from typing import Any

import yaml

from resilience.convert import chaos_toolkit, chaoskube, krkn, kube_monkey, litmus
from resilience.convert.documents import TooMuch, documents
from resilience.convert.translation import NotOurs, Translation

TOOLS = "chaoskube, kube-monkey, krkn, Litmus or Chaos Toolkit"


def translated(text: str) -> Translation:
    """Raises NotOurs for a file of another tool, and for an unreadable one."""
    said = kube_monkey.config(text)
    if said is not None:
        return kube_monkey.translated(said)
    documents = _documents(text)
    found = _of_documents(documents)
    if found is None and (flags := chaoskube.from_line(text)):
        found = chaoskube.translated([flags])
    if found is None:
        raise NotOurs(f"it is not a file of {TOOLS}")
    return found


def _documents(text: str) -> list[Any]:
    """[] for text that is not YAML (nor JSON, which is YAML) but perhaps a command line."""
    try:
        return documents(text)
    except TooMuch as error:
        raise NotOurs(str(error)) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if "chaoskube" in text and "--" in text:
            return []
        place = getattr(error, "problem_mark", None)
        where = f" (line {place.line + 1})" if place else ""
        raise NotOurs(f"it is neither YAML nor JSON nor TOML{where}: render templates first, for "
                      "instance with `helm template`") from None  # fmt: skip


def _of_documents(documents: list[Any]) -> Translation | None:
    if engines := [engine for each in documents for engine in litmus.engines(each)]:
        return litmus.translated(engines)
    for each in documents:
        if (said := kube_monkey.in_manifest(each)) is not None:
            return kube_monkey.translated(said)
    if flags := [found for each in documents for found in chaoskube.in_manifest(each)]:
        return chaoskube.translated(flags)
    for each in documents:
        if chaos_toolkit.is_ours(each):
            return chaos_toolkit.translated(each)
        if krkn.is_ours(each):
            return krkn.translated(each)
    return None
