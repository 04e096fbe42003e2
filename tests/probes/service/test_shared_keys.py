"""A key that several probes have is described in the same words by each."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

from resilience.model.verb import Family, Verb
from resilience.verbs.catalogue import catalogue

ASKING = ("http", "tcp", "sql", "redis", "grpc", "journey")
SHARED = ("namespace", "via", "agents", "depends_on", "password")


def _fields(name: str) -> Iterator[dataclasses.Field[Any]]:
    verb = catalogue().find(name)
    assert isinstance(verb, Verb)
    assert verb.family is Family.PROBE
    yield from dataclasses.fields(verb.parameters)


@pytest.mark.parametrize("key", SHARED)
def test_a_shared_key_has_one_description_and_one_default(key: str) -> None:
    kinds = defaultdict(list)
    for name in ASKING:
        for field in _fields(name):
            if (field.metadata["key"] or field.name) == key:
                kinds[field.metadata["doc"], field.default].append(name)
    assert len(kinds) == 1, kinds


@pytest.mark.parametrize("name", catalogue().names())
def test_every_probe_has_agents_or_says_why_it_cannot(name: str) -> None:
    verb = catalogue().find(name)
    assert isinstance(verb, Verb)
    has = any(field.name == "agents" for field in dataclasses.fields(verb.parameters))
    assert (has or "agents" in verb.never) is (verb.family is Family.PROBE)
    assert not (has and "agents" in verb.never)
