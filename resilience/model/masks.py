"""Masks text before it is shown: values that a file took from the environment, and control
characters.

A value of `${NAME}` may be a password, so it is shown as `***` wherever text leaves the process:
terminal, report, JUnit, metrics, journal, errors. The rule:

- a value of at least `LEAST` characters is masked; a shorter one (`1`, `true`, `prod`) is not,
  since that would blank the rest of the text and hide nothing;
- of a value with several lines, each line that is long enough is masked by itself;
- it is also masked in its form in a URL, in JSON, in a shell's quotes and inside base64;
- a name may have had several values, two Secrets or a variable that changed: each is masked;
- values that name things are public: `id`, `tags`, `namespace`, `namespaces`, `store`,
`drill.into`, and
  every variable in `resilience_public`.

One set for the process, as the environment is: so code that prints cannot use the wrong one.
`MASKS.clear()` begins a new session.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from html import escape
from shlex import quote as shell_quoted
from threading import Lock
from typing import Any, TypeVar
from urllib.parse import quote, quote_plus

from resilience.model.scenario import Step
from resilience.model.words import printable

MASK = "***"

LEAST = 6
"""Minimum length of a masked value."""

KEPT = 100
"""How many of the latest values of one name are masked, since a fixture may return a different one
in each test."""

Value = TypeVar("Value")


class Masks:
    """Values that are not shown. Thread-safe."""

    def __init__(self) -> None:
        self._values: dict[str, tuple[str, ...]] = {}
        self._public: set[str] = set()
        self._names: frozenset[str] = frozenset()
        self._pattern: re.Pattern[str] | None = None
        self._longest = 0
        self._lock = Lock()

    def clear(self, public: Sequence[str] = ()) -> None:
        """Forget everything; the variables named in `public` are never masked."""
        with self._lock:
            self._values, self._public = {}, set()
            self._names = frozenset(public)
            self._pattern, self._longest = None, 0

    def take(self, name: str, value: str) -> None:
        """Record that a file took `value` from the environment variable or fixture `name`. Earlier
        values stay masked."""
        with self._lock:
            former = self._values.get(name, ())
            if name in self._names or value in former[-1:]:
                return
            kept = tuple(each for each in former if each != value)
            self._values[name] = (*kept, value)[-KEPT:]
            if value not in former:
                self._compile()

    def publish(self, text: str) -> None:
        """Record that `text` must be shown, so that a value in it is public."""
        with self._lock:
            if text and text not in self._public:
                self._public.add(text)
                self._compile()

    def over(self, text: str) -> str:
        """The text with every masked value as `***`."""
        return self._pattern.sub(MASK, text) if self._pattern else text

    def start_of(self, text: str, most: int) -> str:
        """The first `most` characters, masked. A value that begins in them is masked whole: a cut
        before masking would leave a part of it, which no pattern knows."""
        near, end = text[: most + self._longest], most
        for match in self._pattern.finditer(near) if self._pattern else ():
            if match.start() < most < match.end():
                end = match.end()
        return self.over(near[:end])

    def secrets(self) -> Mapping[str, str]:
        """Variable to its last value, where that is masked as a whole."""
        with self._lock:
            return {name: value for name, value in self._masked()
                    if len(value) >= LEAST and value == self._values[name][-1]}  # fmt: skip

    def held_in(self, text: str, *, forms: bool = False) -> Sequence[str]:
        """The masked values that `text` holds in any form, for a process elsewhere that gets it;
        or all forms of these, the longest first."""
        with self._lock:
            found = {value for _, value in self._masked()
                     if any(form in text for form in _forms(value))}  # fmt: skip
        wanted = {form for value in found for form in _forms(value)} if forms else found
        return sorted(wanted, key=lambda each: (-len(each), each))

    def _masked(self) -> Iterator[tuple[str, str]]:
        for name, values in self._values.items():
            for value in values:
                if not any(value in text for text in self._public):
                    yield name, value

    def _compile(self) -> None:
        wanted = {form for _, value in self._masked() for form in _forms(value)}
        longest_first = sorted(wanted, key=lambda form: (-len(form), form))
        self._longest = len(longest_first[0]) if wanted else 0
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if wanted else None


MASKS = Masks()


def shown(text: str) -> str:
    """The text as it may be shown and written to files: masked, without control characters."""
    return printable(MASKS.over(text))


def excerpt(text: str, most: int) -> str:
    """`shown` of about the first `most` characters: masked before it is cut."""
    return printable(MASKS.start_of(text, most))


def ending(text: str, most: int) -> str:
    """The last `most` characters of the text, masked before it is cut."""
    return shown(text.strip())[-most:]


def shown_record(value: Value) -> Value:
    """The same for every text in a record, a mapping or a sequence, at any depth. The steps of
    a scenario are not masked: their values are used, and only their titles are shown."""
    return _shown(value)  # type: ignore[no-any-return]


def _shown(value: Any) -> Any:
    if isinstance(value, Enum | Step):
        return value
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, Mapping):
        return {_shown(key): _shown(each) for key, each in value.items()}
    if type(value) in (list, tuple, set, frozenset):
        return type(value)(_shown(each) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        texts = {f.name: getattr(value, f.name) for f in fields(value) if f.init}
        changed = {key: new for key, old in texts.items() if (new := _shown(old)) != old}
        return replace(value, **changed) if changed else value
    return value


def _forms(value: str) -> Iterator[str]:
    """Every form in which a value of the environment may appear in a text."""
    for part in {value, *value.splitlines()}:
        bare = part.strip()
        if len(bare) >= LEAST:
            yield from _written(bare)
            if part != bare:
                yield from _written(part)


def _written(part: str) -> Iterator[str]:
    for percent in (quote(part, safe=""), quote(part), quote_plus(part)):
        yield percent
        yield re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), percent)
    yield from (part, printable(part), escape(part), shell_quoted(part), repr(part)[1:-1])
    yield from (json.dumps(part)[1:-1], json.dumps(part, ensure_ascii=False)[1:-1])
    yield from _base64(part.encode(errors="surrogateescape"))


def _base64(content: bytes) -> Iterator[str]:
    """The characters that the bytes alone decide, wherever in a longer text they begin."""
    for before in range(3):
        first, last = -(-before * 8 // 6), (before + len(content)) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(bytes(before) + content).decode()[first:last]
