"""A write that cannot wait needs the answer of a webhook: it ends, and is repeated once the answer
is there.

A write runs in one go. So a webhook that has not been called yet ends it with `Unanswered`; the
caller of the write calls the webhook, and starts the write again with the answer available.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeVar

T = TypeVar("T")


class Unanswered(Exception):
    """An answer is missing: `ask` gets it, `mark` is where the write looks for it."""

    def __init__(self, name: str, mark: str, ask: Callable[[], Awaitable[Any]]) -> None:
        super().__init__(name)
        self.name = name
        self.mark = mark
        self.ask = ask


async def settled(act: Callable[[], T], answers: MutableMapping[str, Any]) -> T:
    """Do what may need answers until it is done or refused."""
    while True:
        try:
            return act()
        except Unanswered as missing:
            answers[missing.mark] = await missing.ask()
