"""An event loop whose time is virtual."""

from __future__ import annotations

import asyncio


class FastLoop(asyncio.SelectorEventLoop):
    """A loop in whose time nothing is waited for: it jumps to the next timer."""

    def __init__(self) -> None:
        super().__init__()
        self._jumped = 0.0

    def time(self) -> float:
        return self._jumped

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:  # type: ignore[attr-defined]
            self._jumped = max(self._jumped, self._scheduled[0].when())  # type: ignore[attr-defined]
        super()._run_once()  # type: ignore[misc]
