"""The README's picture: the chart of a real run, as an SVG that stands alone.

    python -m tests.e2e.picture resilience-report/report.html docs/picture.svg

The first chart of the report is taken out with the styles that it needs, on a card of its own.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

CARD = "rect.card { fill: var(--card); }"


def standalone(html: str) -> str:
    """The first chart of a report as a document. ValueError when there is none."""
    chart = re.search(r'<svg class="chart" (viewBox="0 0 (\d+) (\d+)").*?</svg>', html, re.DOTALL)
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    if chart is None or style is None:
        raise ValueError("the report has no chart: was anything measured?")
    wanted = [rule for rule in re.split(r"\n(?=[.:@a-z])", style[1]) if _concerns(rule)]
    opened, body = chart[0].split(">", 1)
    head = opened.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ')
    width, height = chart[2], chart[3]
    sheet = "\n".join([*wanted, "svg { font-family: system-ui, sans-serif; }", CARD])
    card = f'<rect class="card" width="{width}" height="{height}" rx="10"/>'
    return f"{head}><style>{sheet}</style>{card}{body}\n"


def _concerns(rule: str) -> bool:
    return rule.lstrip().startswith((":root", "@media", ".chart"))


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(standalone(Path(sys.argv[1]).read_text("utf-8")), "utf-8")
