"""The verbs of this environment, and toys for those that are wanted and not there yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from resilience.model.verb import Unusable, Verb
from resilience.verbs.catalogue import BUILTIN, Verbs
from tests.language.toys import VERBS

REAL = Verbs(installed=lambda: ())


@dataclass(frozen=True, slots=True)
class Merged:
    """A real verb where there is one, else its toy."""

    def names(self) -> Sequence[str]:
        return sorted({*BUILTIN, *VERBS})

    def find(self, name: str) -> Verb | Unusable | None:
        return REAL.find(name) or VERBS.get(name)


MERGED = Merged()
