"""Manifests are read as kubectl reads them: held against kubectl's own output (`odd_yaml.json`)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from resilience.actions.shared.manifests import documents as manifests
from resilience.verbs.context import ActionFailed
from tests.actions.shared.odd_yaml import EXPECTED, documents

READ: dict[str, Any] = json.loads(EXPECTED.read_text(encoding="utf-8"))


def ours(text: str) -> Any:
    """None when it is refused."""
    import yaml

    try:
        [found] = manifests(text, "odd.yaml")
    except (yaml.YAMLError, ActionFailed):
        return None
    return {"read": found.body["data"]}


def comparable(value: Any) -> Any:
    """Numbers beyond 64 bits are floats to Go, and types count: 1 is not true."""
    if isinstance(value, dict):
        return {key: comparable(each) for key, each in value.items()}
    if isinstance(value, list):
        return [comparable(each) for each in value]
    if isinstance(value, int) and abs(value) > 2**63:
        return ("float", float(value))
    return (type(value).__name__, value)


def test_the_corpus_is_what_kubectl_was_asked() -> None:
    assert READ.keys() == documents().keys()
    assert len(READ) > 500


@pytest.mark.parametrize(("name", "text"), documents().items(), ids=ascii)
def test_a_manifest_is_read_as_kubectl_reads_it(name: str, text: str) -> None:
    assert comparable(ours(text)) == comparable(READ[name])
