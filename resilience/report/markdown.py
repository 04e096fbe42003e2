"""The report as Markdown, short enough for a job's summary page (GITHUB_STEP_SUMMARY)."""

from __future__ import annotations

import re

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
    for run in runs:
        if run["outcome"] != "passed":
            lines += _failure(run)
    return "\n".join(lines)[:MOST_CHARACTERS] + "\n"


def _row(run: RunJson) -> str:
    kept = sum(finding["result"] == "passed" for finding in run["findings"])
    cells = (_sign(run["outcome"]), _cell(run["scenario"]["label"]), run["outcome"],
             f"{kept} of {len(run['findings'])} met", f"{run['seconds']:.1f}s")  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _failure(run: RunJson) -> list[str]:
    lines = ["", f"## {_sign(run['outcome'])} {_cell(run['scenario']['label'])}", ""]
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
