"""A position in a file, and a problem found there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A position in a text file; line and column count from 1, as editors show them."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"

    @property
    def folder(self) -> Path:
        """Relative paths in the file begin here."""
        return Path(self.file).parent


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One problem in a document: what, where, what was expected, the nearest known word."""

    place: Place
    message: str
    expected: str = ""
    suggestion: str = ""

    def __str__(self) -> str:
        text = f"{self.place}: {self.message}"
        if self.expected:
            text += f"; expected {self.expected}"
        if self.suggestion:
            text += f"; did you mean {self.suggestion}?"
        return text
