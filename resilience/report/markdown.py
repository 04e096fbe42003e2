"""The report as Markdown, short enough for a job's summary page (GITHUB_STEP_SUMMARY)."""

from __future__ import annotations

import re

from resilience.report.html import fleet, label
from resilience.report.page.fleet_grid import Grid
from resilience.report.shape import ReportJson, RunJson

_SIGNS = {"passed": "✅", "failed": "❌", "service failed": "❌", "undo incomplete": "❌",
          "harness error": "❌"}  # fmt: skip
MOST_CHARACTERS = 1_000_000
"""GitHub truncates a step's summary at 1 MiB."""


def markdown(document: ReportJson) -> str:
    """One table of all scenarios, then the failures with their reasons."""
    runs = document["runs"]
    lines = ["# Resilience", "", "| | scenario | outcome | objectives | time |",
             "|---|---|---|---|---:|"]  # fmt: skip
    lines += [_row(run) for run in runs]
    lines += _fleet(fleet(document))
    for run in runs:
        if run["outcome"] != "passed":
            lines += _failure(run)
    return "\n".join(lines)[:MOST_CHARACTERS] + "\n"


def _row(run: RunJson) -> str:
    kept = sum(finding["result"] == "passed" for finding in run["findings"])
    judged = len(run["findings"])
    met = f"{kept} of {judged} met" if judged else ""
    seconds = f"{run['seconds']:.1f}s"
    cells = (_sign(run["outcome"]), _cell(label(run)), run["outcome"], met, seconds)
    return f"| {' | '.join(cells)} |"


def _fleet(found: Grid | None) -> list[str]:
    if found is None:
        return []
    heads = [found.corner, *found.columns]
    lines = ["", f"| {' | '.join(map(_cell, heads))} |", "|---" * len(heads) + "|"]
    for row in found.rows:
        cells = [found.cells.get((row, column)) for column in found.columns]
        signs = [f"{_sign(each.outcome)} {each.outcome}" if each else "" for each in cells]
        lines.append(f"| {' | '.join([_cell(row), *signs])} |")
    return lines


def _failure(run: RunJson) -> list[str]:
    lines = ["", f"## {_sign(run['outcome'])} {_cell(label(run))}", ""]
    if run["findings"]:
        lines += ["| | objective | expected | measured |", "|---|---|---|---|"]
        lines += [
            f"| {_sign(each['result'])} | `{each['name']}` | {_cell(each['promised'])} "
            f"| {_cell(each['measured'])} |"
            for each in run["findings"]
        ]
    fence = "`" * max(3, 1 + max((len(m) for m in re.findall("`+", run["message"])), default=0))
    lines += ["", f"{fence}text", run["message"], fence]
    lines += ["", f"Seed {run['seed']}, run `{run['run']}`."]
    if run["leftovers"]:
        lines += ["", "**Left in the cluster; `resilience recover` undoes it:**", ""]
        lines += [f"- {_cell(text)}" for text in run["leftovers"]]
    return lines


def _sign(result: str) -> str:
    return _SIGNS.get(result, "⚠️")


def _cell(text: str) -> str:
    return re.sub(r"([\\|<>`*_\[\]])", r"\\\1", " ".join(text.split()))
