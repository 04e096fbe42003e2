"""Starts the agent: `python -I -S start.py [CONFIGURATION]`.

`-I` and `-S` leave no path to import from, so this adds the folder that holds `resilience`. In a
Pod it holds nothing but this room.
"""

from __future__ import annotations

import os
import sys


def start() -> None:
    """Run it; last on the path, so that nothing there replaces a module of Python."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path.append(os.path.normpath(os.path.join(here, *[os.pardir] * 3)))
    from resilience.probes.agent.main import main

    main()


if __name__ == "__main__":
    start()
