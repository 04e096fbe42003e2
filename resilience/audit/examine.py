"""Every rule over one inventory: findings sorted, the accepted ones marked, nothing dropped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from resilience.audit.accepted import Accepted, annotated
from resilience.audit.base.finding import Audit, Finding
from resilience.audit.base.inventory import Inventory, key_of
from resilience.audit.base.proofs import identity
from resilience.audit.base.rule import Hit, Rule
from resilience.kube import objects


def examine(
    inventory: Inventory,
    rules: Sequence[Rule],
    *,
    accepted: Accepted | None = None,
    unread: Sequence[str] = (),
    notices: Sequence[str] = (),
) -> Audit:
    """Carry out all rules; those that lack what they need are skipped, with the reason."""
    accepted = accepted or Accepted()
    skipped: dict[str, str] = {}
    found: dict[tuple[str, str, str], Finding] = {}
    told = [*notices, *accepted.notices(rules), *_misspelt(inventory, rules)]
    for rule in rules:
        if reason := _unusable(rule, inventory):
            skipped[rule.id] = reason
            continue
        try:
            for finding in _findings(rule, inventory, accepted):
                found.setdefault(finding.identity, finding)
        except Exception as error:  # noqa: BLE001 - one rule must not end the audit
            skipped[rule.id] = f"it failed with {type(error).__name__}: {error}"
    ordered = sorted(found.values(), key=lambda each: (-each.level, each.rule.id, each.identity))
    return Audit(
        findings=ordered,
        rules=rules,
        skipped=skipped,
        unread=unread,
        notices=[*told, *accepted.stale(ordered)],
        examined=len(inventory.objects),
    )


def _unusable(rule: Rule, inventory: Inventory) -> str:
    if rule.live is not None and rule.live is not inventory.live:
        return "it reads live clusters only" if rule.live else "it reads manifests only"
    missing = [kind for kind in rule.needs if kind in inventory.unseen]
    return "; ".join(f"{kind}: {inventory.unseen[kind]}" for kind in missing)


def _findings(rule: Rule, inventory: Inventory, accepted: Accepted) -> Iterator[Finding]:
    for hit in rule.find(inventory):
        called = identity(hit.object)
        yield Finding(
            rule=rule,
            level=hit.level or rule.level,
            object=called,
            part=hit.part,
            text=hit.text,
            proof=rule.prove(hit, inventory),
            namespace=objects.namespace(hit.object),
            place=inventory.places.get(key_of(hit.object)),
            accepted=_reason(rule, hit, inventory) or accepted.reason(rule.id, called, hit.part),
        )


def _reason(rule: Rule, hit: Hit, inventory: Inventory) -> str:
    """The reason in an annotation on the object, or on its namespace."""
    around = inventory.get("Namespace", objects.namespace(hit.object))
    places: Iterable[objects.Object] = (hit.object, *((around,) if around else ()))
    return next((reason for obj in places if (reason := annotated(obj, rule.id))), "")


def _misspelt(inventory: Inventory, rules: Sequence[Rule]) -> Iterator[str]:
    from resilience.audit.accepted import PREFIX

    known = {rule.id for rule in rules}
    for obj in inventory.objects:
        for key, reason in (objects.metadata(obj).get("annotations") or {}).items():
            if not str(key).startswith(PREFIX):
                continue
            rule = str(key).removeprefix(PREFIX)
            if rule not in known:
                yield f"{identity(obj)}: annotation {key} names no rule"
            elif not str(reason or "").strip():
                yield f"{identity(obj)}: annotation {key} has no reason, so it accepts nothing"
