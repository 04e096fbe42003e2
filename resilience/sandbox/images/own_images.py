"""The user's own images: `[tool.resilience.sandbox.images]` in pyproject.toml, `[sandbox.images]`
in resilience.toml.

Each key is a glob of image references, each value a table with exactly one of `run` (a command of
this machine), `python` (arguments of the interpreter), `agnhost` (its arguments) or `image` (an
image of the catalogue). Anything that cannot be understood is a SandboxError that names file and
key, so that a misspelt stand-in is not ignored.
"""

from __future__ import annotations

import difflib
import os
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from resilience.sandbox.host.own_image import OwnImage
from resilience.sandbox.host.sandbox_error import SandboxError
from resilience.sandbox.images import catalogue

FORMS = ("run", "python", "agnhost", "image")
OPTIONS = ("workdir", "env", "commands", "ignore_command", "login", "user")
PYTHONS = ("python", "python3")
TABLES = {"pyproject.toml": ("tool", "resilience", "sandbox", "images")}
"""Where the table lies in a file of that name; elsewhere it is `[sandbox.images]`."""
ELSEWHERE = ("sandbox", "images")


def read(paths: Sequence[Path]) -> tuple[OwnImage, ...]:
    """All entries, in the order of the files: the first one that matches a reference counts."""
    return tuple(own for path in paths for own in _of_file(path.absolute()))


def _of_file(path: Path) -> list[OwnImage]:
    keys = TABLES.get(path.name, ELSEWHERE)
    try:
        table: Any = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise SandboxError(f"{path}: {error}") from error
    for key in keys:
        table = table.get(key, {})
        if not isinstance(table, dict):
            raise SandboxError(f"{path}: [{'.'.join(keys)}] is not a table")
    return [_ImageEntry(path, pattern, body).read() for pattern, body in table.items()]


class _ImageEntry:
    """One entry of one file."""

    def __init__(self, path: Path, pattern: str, body: Any) -> None:
        self._path = path
        self._pattern = pattern
        self._body = body

    def read(self) -> OwnImage:
        body = self._body
        if not isinstance(body, dict):
            raise self._wrong('is not a table; expected for example {run = ["python", "app.py"]}')
        for key in body:
            if key not in (*FORMS, *OPTIONS):
                close = difflib.get_close_matches(key, (*FORMS, *OPTIONS), n=1)
                meant = f"; did you mean {close[0]!r}?" if close else ""
                raise self._wrong(
                    f"unknown key {key!r}{meant} (known: {', '.join((*FORMS, *OPTIONS))})"
                )
        forms = [key for key in FORMS if key in body]
        if len(forms) != 1:
            found = f"has {' and '.join(forms)}" if forms else "says nothing that stands in"
            raise self._wrong(f"{found}; expected exactly one of {', '.join(FORMS)}")
        base, line = getattr(self, f"_{forms[0]}")()
        return OwnImage(
            pattern=self._pattern,
            base=base,
            line=line,
            workdir=str(self._workdir()) if base in ("local", "python") and line else "",
            environment=self._environment(),
            commands=self._commands(),
            ignore_command=self._flag("ignore_command"),
            login=self._login(),
            user=self._text("user", self._body.get("user", "")),
        )

    def _run(self) -> tuple[str, tuple[str, ...]]:
        program, *rest = self._words("run")
        if program in PYTHONS:
            return "python", (program, *rest)
        return "local", ("/local", self._program(program), *rest)

    def _python(self) -> tuple[str, tuple[str, ...]]:
        return "python", ("python3", *self._words("python"))

    def _agnhost(self) -> tuple[str, tuple[str, ...]]:
        return "agnhost", ("/agnhost", *self._words("agnhost"))

    def _image(self) -> tuple[str, tuple[str, ...]]:
        name = self._body["image"]
        names = [each.name for each in catalogue.IMAGES.values() if each.repository]
        if name not in names:
            raise self._wrong(f"image: {name!r}; expected one of {', '.join(names)}")
        return str(name), ()

    def _workdir(self) -> Path:
        given = self._body.get("workdir", ".")
        if not isinstance(given, str):
            raise self._wrong(f"workdir: {given!r}; expected a directory")
        directory = Path(os.path.normpath(self._path.parent / Path(given).expanduser()))
        if not directory.is_dir():
            raise self._wrong(f"workdir: there is no directory {directory}")
        if directory == Path("/"):
            raise self._wrong("workdir: / cannot be shown in a container")
        return directory

    def _program(self, name: str) -> str:
        place = str(self._workdir() / name) if "/" in name else name
        found = shutil.which(place)
        if found is None:
            raise self._wrong(f"run: there is no program {place!r} that can be executed")
        return found

    def _login(self) -> str:
        given = self._body.get("login", "")
        if given == "" or (isinstance(given, str) and all(given.partition(":"))):
            return str(given)
        raise self._wrong('login: expected "USER:PASSWORD"')

    def _words(self, key: str) -> tuple[str, ...]:
        return self._line(key, self._body[key])

    def _line(self, key: str, given: Any) -> tuple[str, ...]:
        if isinstance(given, list) and given and all(isinstance(word, str) for word in given):
            return tuple(given)
        raise self._wrong(f"{key}: {given!r}; expected a list of words")

    def _environment(self) -> dict[str, str]:
        return {name: self._text(f"env.{name}", text) for name, text in self._table("env").items()}

    def _commands(self) -> dict[str, tuple[str, ...]]:
        given = self._table("commands")
        return {name: self._line(f"commands.{name}", line) for name, line in given.items()}

    def _table(self, key: str) -> Mapping[str, Any]:
        given = self._body.get(key, {})
        if not isinstance(given, dict):
            raise self._wrong(f"{key}: {given!r}; expected a table")
        return given

    def _text(self, key: str, given: Any) -> str:
        if not isinstance(given, str):
            raise self._wrong(f"{key}: {given!r}; expected text in quotes")
        return given

    def _flag(self, key: str) -> bool:
        given = self._body.get(key, False)
        if not isinstance(given, bool):
            raise self._wrong(f"{key}: {given!r}; expected true or false")
        return given

    def _wrong(self, what: str) -> SandboxError:
        return SandboxError(f"{self._path}: sandbox image {self._pattern!r}: {what}")
