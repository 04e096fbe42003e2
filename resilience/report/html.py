"""`report.html`: one self-contained page, made from the same document as `report.json`.

It loads nothing: styles and charts are inline, there is no script, and all text from the cluster is
escaped. Light or dark as the reader's system is set.
"""

from __future__ import annotations

from typing import Any

from resilience.report.chart import chart, steps_of
from resilience.report.shape import EntryJson, FindingJson, ReportJson, RunJson
from resilience.report.tones import tone

MOST_OPEN = 8
"""Up to this many runs are all shown in full; beyond, those that passed are folded."""

QUIET = {"watch", "call"}
"""Kinds of entries that the page folds away; `report.json` contains them."""


def html(document: ReportJson) -> str:
    """The page."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("resilience.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["tone"] = tone
    environment.filters["signed"] = lambda seconds: f"{seconds:+.2f}s"
    environment.globals["chart"] = lambda probe, run: Markup(chart(probe, run))
    environment.globals["steps_of"] = steps_of
    environment.globals["told"] = told
    environment.globals["counted"] = counted
    environment.globals["overview"] = overview
    environment.globals["folds"] = folds
    environment.globals["once"] = once
    environment.globals["explained"] = explained
    return environment.get_template("report.html").render(report=document)


def overview(document: ReportJson) -> list[tuple[int, RunJson]]:
    """All runs with their number on the page, those that did not pass first."""
    numbered = enumerate(document["runs"], 1)
    return sorted(numbered, key=lambda each: each[1]["outcome"] == "passed")


def folds(document: ReportJson, run: RunJson) -> bool:
    """Whether a run is folded to its title."""
    return run["outcome"] == "passed" and len(document["runs"]) > MOST_OPEN


def once(run: RunJson) -> list[tuple[FindingJson, list[str]]]:
    """Each finding with its evidence; a line that several share is printed with the first alone."""
    said: set[str] = set()
    rows = []
    for finding in run["findings"]:
        rows.append((finding, [line for line in finding["detail"] if line not in said]))
        said.update(finding["detail"])
    return rows


def explained(run: RunJson) -> bool:
    """Whether the tables contain the whole message: lines of findings and steps are not printed
    again above them."""
    wrong = [each["result"] for each in (*run["findings"], *run["steps"])]
    return any(result != "passed" for result in wrong)


def told(run: RunJson) -> list[EntryJson]:
    """The entries of the timeline for people."""
    return [entry for entry in run["timeline"] if entry["what"] not in QUIET]


def counted(document: ReportJson) -> list[tuple[str, int]]:
    """Outcomes and the number of runs with each, passed first."""
    outcomes: dict[str, Any] = {}
    for run in document["runs"]:
        if run["again"]:
            continue  # the run that measured it again counts
        outcomes[run["outcome"]] = outcomes.get(run["outcome"], 0) + 1
    return sorted(outcomes.items(), key=lambda item: (item[0] != "passed", item[0]))
