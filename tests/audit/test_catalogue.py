"""Rules of others, by entry point."""

from __future__ import annotations

from importlib.metadata import EntryPoint

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.workloads import Workload
from resilience.audit.catalogue import builtin, catalogue

OWN = Rule(
    id="name-too-long",
    level=Level.WARNING,
    title="a name that nobody reads",
    reason="It is cut off. Nobody finds it.",
    remedy="Shorten it.",
    link="https://example.com",
    source="",
    find=lambda inventory: [Hit(each.object, "long") for each in _long(inventory)],
)
TAKEN = Rule(**{**{key: getattr(OWN, key) for key in OWN.__slots__}, "id": "no-budget"})
NO_RULE = 3


def _long(inventory: Inventory) -> list[Workload]:
    return [each for each in inventory.workloads if len(each.name) > 3]


def point(name: str) -> EntryPoint:
    return EntryPoint(name.lower(), f"{__name__}:{name}", "resilience.audit_rules")


def test_a_rule_of_somebody_else_is_among_ours() -> None:
    rules, wrong = catalogue(lambda: [point("OWN")])
    assert wrong == []
    assert {rule.id for rule in rules} == {rule.id for rule in builtin()} | {"name-too-long"}


def test_a_rule_that_cannot_be_used_is_told_and_left_out() -> None:
    rules, wrong = catalogue(lambda: [point("TAKEN"), point("NO_RULE"), point("MISSING")])
    assert len(rules) == len(builtin())
    assert sorted(each.split(" ", 4)[-1] for each in wrong) != []
    assert len(wrong) == 3
    assert any("has the id of another rule" in each for each in wrong)
    assert any("is not a Rule" in each for each in wrong)
    assert any("fails with AttributeError" in each for each in wrong)


def test_a_rule_that_fails_does_not_end_the_audit() -> None:
    from resilience.audit.examine import examine
    from tests.audit.objects import deployment, inventory

    def broken(inventory: Inventory) -> list[Hit]:
        raise KeyError("spec")

    bad = Rule(**{**{key: getattr(OWN, key) for key in OWN.__slots__}, "find": broken})
    audit = examine(inventory(deployment(replicas=1)), [bad, *builtin()])
    assert audit.skipped["name-too-long"] == "it failed with KeyError: 'spec'"
    assert any(each.rule.id == "single-replica" for each in audit.findings)
