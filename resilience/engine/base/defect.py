"""Reports an unexpected exception as a defect of this plugin, with its innermost location."""

from __future__ import annotations

import traceback


def defect(where: str, error: Exception) -> str:
    """One line to report. `where` names the part that failed."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"a defect in {where}: {type(error).__name__}: {error} "
        f"({last.filename}:{last.lineno}); please report it"
    )
