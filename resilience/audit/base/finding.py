"""One finding of an audit, and a whole report. Values only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from resilience.audit.base.rule import Level, Rule
from resilience.model.place import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`object` is `shop/Deployment/checkout`; `accepted` is the reason for accepting it, "" if it
    is not accepted. `proof` is YAML, "" where a scenario could not prove it."""

    rule: Rule
    level: Level
    object: str
    part: str
    text: str
    proof: str
    namespace: str
    place: Place | None = None
    accepted: str = ""

    @property
    def identity(self) -> tuple[str, str, str]:
        """The fields that a baseline stores."""
        return self.rule.id, self.object, self.part

    @property
    def subject(self) -> str:
        """The object, and the part of it."""
        return f"{self.object} ({self.part})" if self.part else self.object


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """`skipped` maps the id of a rule to why it could not be evaluated; `unread` lists files and
    kinds that could not be read; `notices` are informational."""

    findings: Sequence[Finding]
    rules: Sequence[Rule]
    skipped: Mapping[str, str]
    unread: Sequence[str]
    notices: Sequence[str]
    examined: int

    @property
    def open(self) -> Sequence[Finding]:
        """Findings that are not accepted."""
        return [each for each in self.findings if not each.accepted]

    @property
    def worst(self) -> Level | None:
        """The highest level of the open findings."""
        return max((each.level for each in self.open), default=None)
