"""`report.html`: one self-contained page, made from the same document as `report.json`.

It loads nothing: styles and charts are inline, there is no script, and every text of the cluster's
is escaped. Light or dark as the reader's system is.
"""

from __future__ import annotations

from typing import Any

from resilience.report.chart import chart, steps_of
from resilience.report.shape import EntryJson, FindingJson, ReportJson, RunJson
from resilience.report.tones import tone

MOST_OPEN = 8
"""Runs of which all are shown in full; among more, those that passed are folded."""

QUIET = {"watch", "call"}
"""Kinds of entries that the page folds away; `report.json` has them."""


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
    """Whether a run is shown by its title alone until it is asked for."""
    return run["outcome"] == "passed" and len(document["runs"]) > MOST_OPEN


def once(run: RunJson) -> list[tuple[FindingJson, list[str]]]:
    """Each finding with its evidence; a line that several share stands beside the first alone."""
    said: set[str] = set()
    rows = []
    for finding in run["findings"]:
        rows.append((finding, [line for line in finding["detail"] if line not in said]))
        said.update(finding["detail"])
    return rows


def explained(run: RunJson) -> bool:
    """Whether the tables say all of the message: what the findings and steps have is not printed
    again above them."""
    wrong = [each["result"] for each in (*run["findings"], *run["steps"])]
    return any(result != "passed" for result in wrong)


def told(run: RunJson) -> list[EntryJson]:
    """The entries of the timeline that a person reads."""
    return [entry for entry in run["timeline"] if entry["what"] not in QUIET]


def counted(document: ReportJson) -> list[tuple[str, int]]:
    """Outcomes and how many runs ended so, passed first."""
    outcomes: dict[str, Any] = {}
    for run in document["runs"]:
        if run["again"]:
            continue  # the run that measured it once more counts
        outcomes[run["outcome"]] = outcomes.get(run["outcome"], 0) + 1
    return sorted(outcomes.items(), key=lambda item: (item[0] != "passed", item[0]))
