"""The reference of the language in Markdown, from the declarations that the decoder reads.

    python -m resilience.reference.verbs_reference docs/reference scenarios backups

writes one page for scenarios, one for plans, one for the verbs, and the two JSON Schemas. A test
compares the files in the repository with its output.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from resilience.language import objective
from resilience.language.compiled import record_of
from resilience.language.schema import schema
from resilience.language.schema.examples import plain
from resilience.language.shape import keys
from resilience.language.shape.forms import PlanForm, ScenarioForm
from resilience.language.shape.records import Field, Record
from resilience.language.shape.scalars import SCALARS
from resilience.language.shape.shapes import ListOf, OneOf, Shape
from resilience.language.steps import PhaseShape, StepShape
from resilience.language.text.near import listed
from resilience.model.scenario import Drill, Keep, PlanObjective
from resilience.model.verb import Catalogue, Family, Phase, Residue, Verb

_NOTE = "<!-- Made by `make docs` from the code. -->\n"

_FAMILIES = {
    Family.ACTION: "Actions change the cluster",
    Family.FLOW: "Flow verbs contain other steps, or wait",
    Family.CHECK: "Checks are facts that must hold",
    Family.PROBE: "Probes measure for the whole scenario",
}


def pages(catalogue: Catalogue) -> Mapping[str, str]:
    """File name to text."""
    return {
        "scenario.md": _scenario_page(),
        "plan.md": _plan_page(),
        "verbs.md": "\n".join(_verbs_page(catalogue)),
    }


def schemas(catalogue: Catalogue) -> Mapping[str, str]:
    """File name to JSON."""
    return {
        "scenario.schema.json": schema.text("scenario", catalogue),
        "plan.schema.json": schema.text("plan", catalogue),
    }


def _scenario_page() -> str:
    parts = [
        "# Scenario\n",
        _NOTE,
        "One document of a `*.scenario.yaml` file; `---` separates several.\n",
        _table(record_of(ScenarioForm)),
        "\n## Beside every verb\n",
        _table(record_of(keys.StepKeys)),
        "\n## Beside an action that cannot be undone\n",
        _table(record_of(keys.LastingKeys), leave_out=record_of(keys.StepKeys).keys),
        "\n## Beside a probe\n",
        _table(record_of(keys.ProbeKeys), leave_out=record_of(keys.StepKeys).keys),
        "\n## Objective\n",
        _objective(),
        "\n## Values\n",
        _values(),
    ]
    return "\n".join(parts)


def _plan_page() -> str:
    parts = [
        "# Plan\n",
        _NOTE,
        "One document of a `*.plan.yaml` file.\n",
        _table(record_of(PlanForm)),
        "\n## keep\n",
        _table(record_of(Keep)),
        "\n## objective\n",
        _table(record_of(PlanObjective)),
        "\n## drill\n",
        _table(record_of(Drill)),
    ]
    return "\n".join(parts)


def _verbs_page(catalogue: Catalogue) -> Iterator[str]:
    found = [catalogue.find(name) for name in catalogue.names()]
    verbs = [verb for verb in found if isinstance(verb, Verb)]
    yield "# Verbs\n"
    yield _NOTE
    for family, title in _FAMILIES.items():
        members = [verb for verb in verbs if verb.family is family]
        if members:
            yield f"## {title}\n"
            yield from (_verb(verb) for verb in members)


def _verb(verb: Verb) -> str:
    record = record_of(verb.parameters)
    phases = listed((f"`{phase.value}:`" for phase in Phase if phase in verb.phases), "and")
    parts = [f"### {verb.name}\n", f"{verb.summary}\n", f"Used under {phases}.\n"]
    if verb.example:
        parts.append(f"```yaml\n{as_step(verb.example)}\n```\n")
    if verb.shorthand:
        key = next(key for key, item in record.fields.items() if item.name == verb.shorthand)
        parts.append(f"A plain value sets `{key}`.\n")
    if record.fields:
        parts.append(_table(record) + "\n")
    parts += _promises(verb)
    return "\n".join(parts)


def as_step(example: str) -> str:
    """An example as an item of a list of steps, however its author wrote it."""
    lines = example.strip().splitlines()
    if lines[0].startswith("- "):
        return "\n".join(lines)
    return "\n".join([f"- {lines[0]}", *(f"  {line}" for line in lines[1:])])


def _promises(verb: Verb) -> Sequence[str]:
    """What an action leaves behind and how it proves its effect."""
    told = []
    if verb.residue is Residue.EVERYTHING:
        told.append(
            f"Cannot be undone, so it requires `lasting: true`. {verb.residue_text}".strip() + "\n"
        )
    elif verb.undo_text:
        told.append(f"Undo: {verb.undo_text}\n")
    if verb.residue is Residue.NAMED and verb.residue_text:
        told.append(f"Remains after the undo: {verb.residue_text}\n")
    if verb.proof:
        told.append(f"Evidence of the effect: {verb.proof}\n")
    return told


def _table(record: Record, leave_out: Sequence[str] = ()) -> str:
    rows = ["| key | value | default | |", "|---|---|---|---|"]
    rows += [_row(key, item) for key, item in record.fields.items() if key not in leave_out]
    return "\n".join(rows)


def _row(key: str, item: Field) -> str:
    default = "required" if item.required else _default(item)
    written = item.example.encode("unicode_escape").decode("ascii")
    example = f" For example `{written}`." if written else ""
    cells = (f"`{key}`", kind(item.shape), default, f"{item.doc}{example}")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(item: Field) -> str:
    value = plain(item.default)
    if value in (None, "", [], {}):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _several(words: str) -> str:
    """`texts or whole numbers` for `text or whole number`; anything but plain words is
    unchanged."""
    kinds = words.split(" or ")
    plain_words = all(each.replace(" ", "").isalpha() for each in kinds)
    return " or ".join(f"{each}s" for each in kinds) if plain_words else words


def kind(shape: Shape) -> str:
    """A shape in two or three words, for tables."""
    if isinstance(shape, OneOf):
        return listed(dict.fromkeys(kind(member) for member in shape.members))
    if isinstance(shape, PhaseShape):
        return kind(shape.inner)
    if isinstance(shape, ListOf):
        return (
            "steps"
            if isinstance(shape.item, StepShape)
            else f"list of {_several(kind(shape.item))}"
        )
    if isinstance(shape, Record):
        return listed((f"`{key}`" for key in shape.keys), "and")
    if name := getattr(shape, "name", ""):
        return str(name)
    return shape.expected.partition(" such as")[0].partition(", such as")[0].removeprefix("a ")


def _objective() -> str:
    rows = ["| key | |", "|---|---|"]
    rows += [f"| `{key}` | {objective.DOCS[key]} |" for key in objective.KEYS]
    limit = "Latency that this percentage of the answers must not exceed."
    rows.append(f"| `p50`, `p99`, `p99.9` ... | {limit} |")
    return "\n".join(rows)


def _values() -> str:
    rows = ["| value | is written |", "|---|---|"]
    rows += [f"| {shape.name} | {shape.expected} |" for shape in SCALARS.values()]
    return "\n".join(rows)


def write(folder: Path, scenarios: Path, backups: Path, catalogue: Catalogue) -> None:
    """Write pages and schemas into the repository's folders."""
    homes = {"scenario.schema.json": scenarios, "plan.schema.json": backups}
    for name, page in {**pages(catalogue), **schemas(catalogue)}.items():
        path = homes.get(name, folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")


def main(arguments: Sequence[str]) -> int:
    """The command behind `make docs`."""
    from importlib import import_module

    if len(arguments) != 3:
        print("usage: python -m resilience.reference.verbs_reference DOCS SCENARIOS BACKUPS")
        return 2
    # The composition root is outside of this room; only the command uses it.
    catalogue = import_module("resilience.verbs.catalogue").catalogue()
    docs, scenarios, backups = map(Path, arguments)
    write(docs, scenarios, backups, catalogue)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
