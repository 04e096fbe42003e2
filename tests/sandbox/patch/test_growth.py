"""What a patch costs grows with its size and not with the square of it: a server of one loop that
looks for each of ten thousand items among ten thousand others serves nobody else meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from resilience.sandbox.patch import apply, fieldset, json_patch, strategic
from resilience.sandbox.schema import structural
from resilience.sandbox.schema.facts import builtin

SMALL, TIMES = 150, 8
MOST = 24
"""Between what linear work takes (8 times as much) and what quadratic work takes (64 times)."""


def pod(size: int, value: str = "v") -> dict[str, Any]:
    env = [{"name": f"E{number}", "value": value} for number in range(size)]
    return {
        "metadata": {"name": "p", "finalizers": [f"x.y/f{number}" for number in range(size)]},
        "spec": {"containers": [{"name": "c", "env": env}]},
    }


def apply_again(size: int) -> None:
    apply.merge(builtin(), "V1Pod", pod(size), pod(size, "w"))


def compare(size: int) -> None:
    paths = fieldset.of(builtin(), "V1Pod", pod(size))
    assert len(apply.differing(pod(size), pod(size, "w"), paths)) == size


def give_up(size: int) -> None:
    owned, none = fieldset.of(builtin(), "V1Pod", pod(size)), fieldset.of(builtin(), "V1Pod", {})
    gone = apply.given_up(owned, none, [fieldset.of(builtin(), "V1Pod", pod(size // 2))])
    left = apply.remove(pod(size), gone)
    assert len(left["spec"]["containers"][0]["env"]) == size // 2
    assert len(left["metadata"]["finalizers"]) == size // 2


def patch_strategically(size: int) -> None:
    order = [{"name": f"E{number}"} for number in reversed(range(size))]
    container = {"name": "c", "env": pod(size, "w")["spec"]["containers"][0]["env"]}
    patch = {"spec": {"containers": [{**container, "$setElementOrder/env": order}]}}
    done = strategic.apply(builtin(), "V1Pod", pod(size), patch)
    assert done["spec"]["containers"][0]["env"][0] == {"name": f"E{size - 1}", "value": "w"}


def take_a_set(size: int) -> None:
    schema = {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "integer"}}
    assert structural.validate(schema, list(range(size))) == []


@pytest.mark.parametrize(
    "work",
    [apply_again, compare, give_up, patch_strategically, take_a_set],
    ids=lambda w: w.__name__,
)
def test_many_items_cost_no_more_than_their_number(work: Callable[[int], None]) -> None:
    work(8)
    many = min(cpu(work, SMALL * TIMES) for _ in range(2))
    few = min(cpu(work, SMALL) for _ in range(3))
    assert many < MOST * few


def cpu(work: Callable[[int], None], size: int) -> float:
    began = time.thread_time()
    work(size)
    return time.thread_time() - began


def test_copies_of_copies_end_before_they_fill_the_memory() -> None:
    start: dict[str, Any] = {"data": {"a": "x" * 1000}}
    copies = [{"op": "copy", "from": "/data", "path": f"/data/{number}"} for number in range(40)]
    with pytest.raises(json_patch.PatchError, match="accumulated size increase of copy"):
        json_patch.apply(start, copies)
    assert len(json_patch.apply({"data": {"a": "x"}}, copies[:3])["data"]) == 4
