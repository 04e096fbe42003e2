"""Accepted findings: a baseline file, and annotations. Both require a reason.

A baseline is YAML: `accepted:`, a list of `rule`, `object`, `part` and `reason`; a line for
something that is no longer found is reported, so that the file shrinks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from resilience.audit.base.finding import Finding
from resilience.audit.base.rule import Rule
from resilience.kube import objects
from resilience.kube.objects import Object
from resilience.model.nearest import did_you_mean

PREFIX = "resilience/accept-"
"""Annotation `resilience/accept-RULE: reason`, on an object or on its namespace."""

HEAD = """\
# Known findings of `resilience audit`. Each needs a reason; lines that are no longer found # are
reported. Made by: resilience audit --write-baseline FILE
"""

KEYS = ("rule", "object", "part", "reason")


class BadBaseline(ValueError):
    """The file cannot be used; the text says why and where."""


def annotated(obj: Object, rule: str) -> str:
    """The reason that an annotation gives for accepting it, "" without one."""
    return objects.annotation(obj, PREFIX + rule).strip()


@dataclass(frozen=True)
class Accepted:
    """A baseline: (rule, object, part) to its reason."""

    file: str = ""
    known: Mapping[tuple[str, str, str], str] = field(default_factory=dict)

    def reason(self, rule: str, obj: str, part: str) -> str:
        """Why the finding is accepted; "" if it is not."""
        return self.known.get((rule, obj, part), "")

    def notices(self, rules: Sequence[Rule]) -> Iterator[str]:
        """Rules in the file that do not exist."""
        ids = {rule.id for rule in rules}
        for rule in sorted({key[0] for key in self.known} - ids):
            yield f"{self.file}: {rule!r} is not a rule{did_you_mean(rule, ids)}"

    def stale(self, found: Iterable[Finding]) -> Iterator[str]:
        """Lines that no longer accept anything."""
        present = {each.identity for each in found}
        for rule, obj, part in sorted(self.known.keys() - present):
            subject = f"{obj} ({part})" if part else obj
            yield f"{self.file}: {rule} of {subject} is not found any more; remove its line"


def read(path: Path) -> Accepted:
    """Raises BadBaseline for an unusable file."""
    import yaml

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadBaseline(f"{path} cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise BadBaseline(f"{path} is not YAML: {str(error).splitlines()[0]}") from None
    entries = document.get("accepted") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise BadBaseline(f"{path}: expected `accepted:` with a list of {', '.join(KEYS)}")
    return Accepted(
        str(path), dict(_entry(path, number, each) for number, each in enumerate(entries, 1))
    )


def _entry(path: Path, number: int, entry: Any) -> tuple[tuple[str, str, str], str]:
    given = entry if isinstance(entry, dict) else {}
    unknown = sorted(str(key) for key in given if key not in KEYS)
    if unknown:
        raise BadBaseline(
            f"{path}: entry {number}: unknown key {unknown[0]!r}; expected {', '.join(KEYS)}"
        )
    texts = {key: str(given.get(key) or "").strip() for key in KEYS}
    missing = [key for key in ("rule", "object", "reason") if not texts[key]]
    if missing:
        raise BadBaseline(f"{path}: entry {number} has no {missing[0]}")
    return (texts["rule"], texts["object"], texts["part"]), texts["reason"]


def text(found: Sequence[Finding], reason: str) -> str:
    """A baseline that accepts all these findings."""
    import yaml

    entries = [
        {
            "rule": each.rule.id,
            "object": each.object,
            **({"part": each.part} if each.part else {}),
            "reason": each.accepted or reason,
        }
        for each in found
    ]
    return HEAD + str(yaml.safe_dump({"accepted": entries}, sort_keys=False, width=100))
