"""`report.html`: one self-contained page, made from the same document as `report.json`.

It loads nothing: styles, charts and its one script are inline, and a policy lets the browser run
exactly that script. The page is complete without the script, which filters, searches and shows the
values at a point in time. All text from the cluster is escaped. The colours are light or dark, as
in the reader's system.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from resilience.report.page import excerpts, figures, lanes, masthead, matrices, phases
from resilience.report.page.acts import steps_of
from resilience.report.page.breaks import breakable
from resilience.report.page.chart import chart
from resilience.report.page.fleet_grid import Cell, Grid, grid
from resilience.report.page.legend import legend
from resilience.report.page.sealed import Sealed, rendered
from resilience.report.shape import FindingJson, ReportJson, RunJson
from resilience.report.wording import on

MOST_OPEN = 8
"""Up to this many runs are all shown in full; with more, those that passed are folded."""


def html(document: ReportJson) -> str:
    """The page."""
    from markupsafe import Markup

    helpers: dict[str, Any] = {
        "charts": lambda run: [Markup(chart(probe, run)) for probe in run["probes"]],
        "cluster": lambda run: Markup(lanes.cluster(run)),
        "phases": lambda finding: Markup(phases.phases(finding)),
        "share": lambda report: Markup(masthead.share(counted(report))),
        "phased": phases.phased,
        "told_phases": phases.told,
        "shown": figures.shown,
        "titles": figures.TITLES,
        "columns": figures.columns(document),
        "matrices": matrices.matrices,
        "fleet": fleet,
        "label": label,
        "about": masthead.about,
        "differing": partial(masthead.differing, masthead.shared(document)),
        "gist": lambda report: masthead.gist(counted(report)),
        "heading": lambda report: masthead.heading(counted(report)),
        "size": masthead.size,
        "words": words,
        "steps_of": steps_of,
        "legend": legend,
        "told": excerpts.timeline,
        "steps": excerpts.steps,
        "selection": excerpts.selection,
        "named": excerpts.MOST_NAMED,
        "counted": counted,
        "overview": overview,
        "folds": folds,
        "once": once,
        "explained": explained,
        "breakable": breakable,
    }
    return rendered(Sealed("report.html", ("page.css",), "page.js"), helpers, report=document)


def words(run: RunJson) -> str:
    """The text that is searched, in lower case."""
    scenario = run["scenario"]
    parts = [label(run), scenario["id"], scenario["file"], scenario["namespace"]]
    parts += [run["outcome"], run["verdict"], *scenario["tags"]]
    parts += [finding["name"] for finding in run["findings"]]
    return " ".join(parts).lower()


def label(run: RunJson) -> str:
    """The scenario's label, with the cluster of the fleet."""
    return on(run["scenario"]["label"], member(run))


def member(run: RunJson) -> str:
    """The cluster of the fleet; "" without one."""
    return str(run["environment"].get("member", ""))


def fleet(document: ReportJson) -> Grid | None:
    """All scenarios by clusters, in a fleet."""
    return grid(
        Cell(
            key=(run["scenario"]["file"], run["scenario"]["id"]),
            label=run["scenario"]["label"],
            cluster=member(run),
            outcome=run["outcome"],
            number=number,
        )
        for number, run in enumerate(document["runs"], 1)
        if member(run) and not run["again"]
    )


def overview(document: ReportJson) -> list[tuple[int, RunJson]]:
    """All runs with their number on the page, those that did not pass first."""
    numbered = enumerate(document["runs"], 1)
    return sorted(numbered, key=lambda each: each[1]["outcome"] == "passed")


def folds(document: ReportJson, run: RunJson) -> bool:
    """Whether a run is folded to its title."""
    return run["outcome"] == "passed" and len(document["runs"]) > MOST_OPEN


def once(run: RunJson) -> list[tuple[FindingJson, list[str]]]:
    """Each finding with its evidence; a line that several findings share is printed only with the
    first."""
    said: set[str] = set()
    rows = []
    for finding in run["findings"]:
        rows.append((finding, [line for line in finding["detail"] if line not in said]))
        said.update(finding["detail"])
    return rows


def explained(run: RunJson) -> bool:
    """Whether the tables contain the whole message; then its lines are not printed above them."""
    wrong = [each["result"] for each in (*run["findings"], *run["steps"])]
    return any(result != "passed" for result in wrong)


def counted(document: ReportJson) -> list[tuple[str, int]]:
    """Outcomes and the number of runs with each, passed first."""
    outcomes: dict[str, Any] = {}
    for run in document["runs"]:
        if run["again"]:
            continue  # only the repeated run counts
        outcomes[run["outcome"]] = outcomes.get(run["outcome"], 0) + 1
    return sorted(outcomes.items(), key=lambda item: (item[0] != "passed", item[0]))
