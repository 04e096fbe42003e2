"""What is known and meant: by baseline and by annotation, never without a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from resilience.audit import accepted
from resilience.audit.catalogue import builtin
from resilience.audit.examine import examine
from tests.audit.objects import deployment, inventory, named

RULES = [rule for rule in builtin() if rule.id in ("single-replica", "no-owner")]


def test_an_annotation_with_a_reason_accepts() -> None:
    lone = deployment(replicas=1, annotations={"resilience/accept-single-replica": "a leader"})
    audit = examine(inventory(lone), RULES)
    assert [(each.rule.id, each.accepted) for each in audit.findings] == [
        ("single-replica", "a leader")
    ]
    assert audit.open == []
    assert audit.worst is None


def test_an_annotation_of_the_namespace_accepts_for_all_in_it() -> None:
    around = named(
        "Namespace",
        "shop",
        namespace="",
        annotations={"resilience/accept-single-replica": "a test"},
    )
    assert examine(inventory(deployment(replicas=1), around), RULES).open == []


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [("single-replica", " ", "has no reason"), ("single-replicas", "x", "names no rule")],
)
def test_an_annotation_that_accepts_nothing_is_told(key: str, value: str, told: str) -> None:
    lone = deployment(replicas=1, annotations={f"resilience/accept-{key}": value})
    audit = examine(inventory(lone), RULES)
    assert len(audit.open) == 1
    assert told in audit.notices[0]


def test_a_baseline_accepts_what_it_was_written_from_and_tells_what_is_stale(
    tmp_path: Path,
) -> None:
    objects = inventory(deployment("a", replicas=1), deployment("b", replicas=1))
    path = tmp_path / "known.yaml"
    path.write_text(accepted.text(examine(objects, RULES).findings, "since ever"))
    audit = examine(objects, RULES, accepted=accepted.read(path))
    assert audit.open == []
    assert {each.accepted for each in audit.findings} == {"since ever"}
    less = examine(inventory(deployment("a", replicas=1)), RULES, accepted=accepted.read(path))
    assert less.notices == [
        f"{path}: single-replica of shop/Deployment/b is not found any more; remove its line"
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- a", "expected `accepted:`"),
        ("accepted: [{rule: x, object: y}]", "entry 1 has no reason"),
        ("accepted: [{rule: x, objekt: y}]", "unknown key 'objekt'"),
        ("accepted: [", "is not YAML"),
        ("accepted: [3]", "entry 1 has no rule"),
    ],
)
def test_a_baseline_that_cannot_be_used_is_one_line(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "known.yaml"
    path.write_text(text)
    with pytest.raises(accepted.BadBaseline, match=told) as raised:
        accepted.read(path)
    assert "\n" not in str(raised.value)


def test_a_rule_that_is_gone_is_told(tmp_path: Path) -> None:
    path = tmp_path / "known.yaml"
    path.write_text("accepted: [{rule: old-rule, object: x, reason: y}]")
    audit = examine(inventory(deployment()), RULES, accepted=accepted.read(path))
    assert f"{path}: 'old-rule' is not a rule" in audit.notices
