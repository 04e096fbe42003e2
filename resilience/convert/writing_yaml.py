"""The text of converted scenarios: each with what of it has no counterpart, as comments."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

import yaml

from resilience.convert.translation import Draft, Translation

WIDTH = 98


def files(made: Translation, source: str) -> dict[str, str]:
    """File name to text, one for each scenario that does something."""
    found: dict[str, str] = {}
    for draft in made.whole:
        name = slug = re.sub(r"[^a-z0-9]+", "-", draft.title.lower()).strip("-")[:60] or "converted"
        number = 1
        while f"{name}.scenario.yaml" in found:
            number += 1
            name = f"{slug}-{number}"
        found[f"{name}.scenario.yaml"] = text(draft, made, source)
    return found


def text(draft: Draft, made: Translation, source: str) -> str:
    """One scenario."""
    lines = [f"From {source} ({made.tool}); tighten `within`, and measure with a probe in `while`."]
    lines += [f"No counterpart: {each}" for each in (*made.missing, *draft.missing)]
    lines += [f"Note: {each}" for each in dict.fromkeys(made.notes)]
    comment = "\n".join(row for line in lines for row in _comment(line))
    body = yaml.safe_dump(draft.body(), sort_keys=False, width=WIDTH, allow_unicode=True)
    return f"{comment}\n{body}"


def _comment(line: str) -> Iterator[str]:
    plain = " ".join(line.split())
    for number, row in enumerate(textwrap.wrap(plain, WIDTH - 4)):
        yield f"# {'  ' * bool(number)}{row}"
