"""Typed objects in expressions become maps; nothing else changes."""

from __future__ import annotations

import pytest

from resilience.sandbox.apiserver.policies.object_literals import as_maps


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("Object{spec: Object.spec{replicas: 3}}", '{"spec": {"replicas": 3}}'),
        ("Object { metadata: Object . metadata { labels: {'a': 'b'} } }",
         "{ \"metadata\": { \"labels\": {'a': 'b'} } }"),
        ("Object{a: x ? y : z, b: [Object.b{c: 1}, Object.b{c: 2}]}",
         '{"a": x ? y : z, "b": [{"c": 1}, {"c": 2}]}'),
        ("Object{?a: optional.none()}", '{?"a": optional.none()}'),
        ('[JSONPatch{op: "add", path: "/a", value: {"op": op}}]',
         '[{"op": "add", "path": "/a", "value": {"op": op}}]'),
        ("'Object{a: 1}' + \"JSONPatch{op: 1}\"", "'Object{a: 1}' + \"JSONPatch{op: 1}\""),
        ("{a: 1, b: 2}", "{a: 1, b: 2}"),
        ("my.Object{a: 1}", "my.Object{a: 1}"),
        ("Object{}", "{}"),
        ("xs.map(x, Object.xs{n: x, m: {k: x}})", 'xs.map(x, {"n": x, "m": {k: x}})'),
    ],
)  # fmt: skip
def test_only_typed_objects_are_rewritten(typed: str, plain: str) -> None:
    assert as_maps(typed) == plain
