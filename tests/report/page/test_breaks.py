"""Names are continued after a part, and say the same with and without the places for it."""

from __future__ import annotations

import html

import pytest

from resilience.report.page.breaks import LONGEST, breakable


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("web.longest_outage", ["web.", "longest_", "outage"]),
        ("recovered.when[0].deployment/web-a",
         ["recovered.", "when[0].", "deployment/", "web-", "a"]),
        ("a" * (LONGEST + 1), ["a" * LONGEST, "a"]),
        ("./-_", ["./-_"]),
        ("<b>.&", ["&lt;b&gt;.", "&amp;"]),
        ("", [""]),
    ],
)  # fmt: skip
def test_a_name_breaks_after_its_parts(name: str, parts: list[str]) -> None:
    made = str(breakable(name))
    assert made.split("<wbr>") == parts
    assert html.unescape(made.replace("<wbr>", "")) == name
