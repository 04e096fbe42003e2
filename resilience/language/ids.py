"""Ids and tags: the names by which pytest knows a document.

An id is a slug (a-z, 0-9, dashes), so that it needs no quoting in a shell; a combination of a
matrix adds `[key=value]`. A tag becomes a pytest mark, so words with a meaning for pytest or a
common plugin are refused: `skip` as a tag would silently not run the scenario.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

SLUG = r"[a-z0-9]+(-[a-z0-9]+)*"
TAG = r"[A-Za-z_][A-Za-z0-9_.-]*"

_LONGEST = 80

RESERVED: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "skip",
            "skipif",
            "xfail",
            "parametrize",
            "usefixtures",
            "filterwarnings",
            "tryfirst",
            "trylast",
        ),
        "pytest",
    ),
    **dict.fromkeys(("timeout",), "pytest-timeout"),
    **dict.fromkeys(("flaky",), "pytest-rerunfailures"),
    **dict.fromkeys(("asyncio",), "pytest-asyncio"),
    **dict.fromkeys(("anyio",), "anyio"),
    **dict.fromkeys(("trio",), "pytest-trio"),
    **dict.fromkeys(("xdist_group",), "pytest-xdist"),
    **dict.fromkeys(("forked",), "pytest-forked"),
    **dict.fromkeys(("repeat",), "pytest-repeat"),
    **dict.fromkeys(("order", "run"), "pytest-order"),
    **dict.fromkeys(("dependency",), "pytest-dependency"),
    **dict.fromkeys(("random_order", "no_randomly"), "a plugin that orders tests"),
    **dict.fromkeys(("benchmark",), "pytest-benchmark"),
    **dict.fromkeys(("django_db", "urls"), "pytest-django"),
    **dict.fromkeys(("no_cover",), "pytest-cov"),
    **dict.fromkeys(("hypothesis",), "hypothesis"),
    **dict.fromkeys(("fresh", "intact", "drill", "resilience"), "this plugin"),
    **dict.fromkeys(("and", "or", "not", "True", "False", "None"), "pytest's `-m`"),
}
"""Tag to its owner."""


def slug(title: str) -> str:
    """The id derived from a title, without its references. "" when nothing is left."""
    plain = re.sub(r"\$\{[^}]*\}", " ", title)
    ascii_ = unicodedata.normalize("NFKD", plain.replace("ß", "ss")).encode("ascii", "ignore")
    words = re.findall(r"[a-z0-9]+", ascii_.decode().lower().replace("'", ""))
    return "-".join(words)[:_LONGEST].rstrip("-")


def suffix(combination: Mapping[str, str]) -> str:
    """`[grace=0s,share=33%]`; characters that a node id or a shell would misread become dashes."""
    if not combination:
        return ""
    parts = [
        f"{key}={re.sub(r'[^A-Za-z0-9._%+-]+', '-', value)}" for key, value in combination.items()
    ]
    return f"[{','.join(parts)}]"
