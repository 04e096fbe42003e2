"""Starts an asker in a Pod: the only file that is copied there; the rest has to be in the image.

Standard library only, and Python 3.9: it reports what the image lacks, which the missing package
cannot do. It starts `told_lines.py`.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def lacks(what: str, given: dict[str, Any]) -> str:
    """What the image has to hold, and where it is named."""
    wanted = f"pytest-resilience[{given['extra']}]=={given['version']}"
    return (
        f"{what} in the image {given['image']}; expected {wanted}: build an image with "
        f"`pip install '{wanted}'` and name it in `helper_image`"
    )


def main() -> None:
    """Ask until stopped."""
    with open(sys.argv[1], encoding="utf-8") as file:
        given = json.load(file)
    try:
        from resilience import __version__
        from resilience.probes.inside import told_lines
    except ImportError as error:
        raise SystemExit(lacks(f"there is no package {error.name}", given)) from None
    if __version__ != given["version"]:
        raise SystemExit(lacks(f"pytest-resilience has version {__version__}", given))
    try:
        told_lines.main(given)
    except told_lines.Lacking as error:
        raise SystemExit(lacks(str(error), given)) from None


if __name__ == "__main__":
    main()
