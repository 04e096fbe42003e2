"""What each service of the zoo must come to, and whether a report shows it.

`zoo.toml` is the one source: the tests, the confusion matrix and the pages in docs/zoo/ are made
from it and from the files of the services.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SERVICES = HERE / "services"
HOLD = (
    "crash-one-pod", "lose-a-third-at-once", "lose-one-pod", "rolling-restart", "scale-under-load",
)  # fmt: skip
"""Scenarios that are shipped: services that hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service. `says` must appear in the report, `answers` are the only kinds of bad answers
    that may be frequent; see zoo.toml."""

    name: str
    outcome: str
    symptom: str
    why: str
    fix: str
    says: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    sample: bool = False
    title: str = ""
    """What is wrong, where the file has only a name: a plan has no title."""

    @property
    def scenario(self) -> Path:
        """Its scenario or plan."""
        found = [path for path in SERVICES.glob(f"{self.name}.*.yaml")]
        assert len(found) == 1, found
        return found[0]

    @property
    def run(self) -> str:
        """The id of the run that decides: of a plan its drill."""
        return f"{self.name}-drill" if ".plan." in self.scenario.name else self.name

    @property
    def manifests(self) -> list[Path]:
        """What the scenario applies, in its order."""
        lines = self.scenario.read_text(encoding="utf-8").splitlines()
        names = [line.split("apply:")[1].strip() for line in lines if "- apply: manifests/" in line]
        return [SERVICES / name for name in names]


def services() -> dict[str, Service]:
    """By name, in the order of zoo.toml."""
    with (HERE / "zoo.toml").open("rb") as file:
        found = tomllib.load(file)
    return {
        name: Service(
            name=name,
            outcome=given["outcome"],
            symptom=given["symptom"],
            why=given["why"],
            fix=given["fix"],
            says=tuple(given.get("says", ())),
            answers=tuple(given.get("answers", ())),
            sample=given.get("sample", False),
            title=given.get("title", ""),
        )
        for name, given in found.items()
    }


def wrong(service: Service, run: Mapping[str, Any]) -> list[str]:
    """What is not as it must be, as lines; [] for a verdict that is right for the right reason."""
    found = []
    if run["outcome"] != service.outcome:
        found.append(f"{run['outcome']} instead of {service.outcome}: {run['message'][:300]}")
    told = "\n".join(_told(run))
    found += [f"nothing says {text!r}" for text in service.says if text not in told]
    if service.answers and (more := bad_answers(run) - set(service.answers)):
        found.append(f"bad answers of another kind: {', '.join(sorted(more))}")
    return found


def _told(run: Mapping[str, Any]) -> Iterator[str]:
    """The words of what went wrong."""
    for finding in run["findings"]:
        if finding["result"] == "failed":
            yield f"{finding['name']}: {finding['measured']} {' '.join(finding['detail'])}"
    for step in run["steps"]:
        if step["result"] != "passed":
            yield step["message"]


def bad_answers(run: Mapping[str, Any]) -> set[str]:
    """The kinds of bad answers that made up at least a tenth of all bad ones."""
    bad: dict[str, int] = {}
    for probe in run["probes"]:
        for kind, count in probe["answers"].items():
            if kind != "good":
                bad[kind] = bad.get(kind, 0) + count
    return {kind for kind, count in bad.items() if count * 10 >= sum(bad.values())}
