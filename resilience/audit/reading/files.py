"""Objects of manifests: files, folders, standard input; several documents, Lists, JSON.

One document that cannot be read is reported, and the rest of its file is read. In a folder, files
that do not look like a manifest are skipped; a file that is named has to be one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from resilience.actions.shared import kinds, manifests
from resilience.audit.base.inventory import Key, key_of
from resilience.audit.base.kinds import READ
from resilience.audit.reading import kustomized
from resilience.audit.reading.trim import trimmed
from resilience.kube.objects import Object
from resilience.model.place import Place
from resilience.verbs.context import ActionFailed

SUFFIXES = (".yaml", ".yml", ".json")
STDIN = "-"

_BREAK = re.compile(r"^---(?:\s|$)", re.MULTILINE)
_KIND = re.compile(r"^\s*[\"']?kind[\"']?\s*:\s*[\"']?(\w+)", re.MULTILINE)
_OBJECT = re.compile(r"^\s*[\"']?(apiVersion|kind)[\"']?\s*:", re.MULTILINE)


@dataclass
class Files:
    """The objects, their places in the files, and what could not be read: as text, and as the kinds
    whose absence therefore proves nothing; `notes` say what was passed over."""

    objects: list[Object] = field(default_factory=list)
    places: dict[Key, Place] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    unseen: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read(names: Sequence[str], namespace: str, stdin: str = "") -> Files:
    """All objects; those of a namespaced kind without one are in `namespace`. Of an object that is
    written twice the last counts, as it does for `kubectl apply`."""
    found = Files()
    last: dict[tuple[str, Key], Object] = {}
    for file, text in _texts(names, stdin, found):
        for manifest in _manifests(file, text, found):
            obj = trimmed(manifest.body)
            _place(obj, namespace)
            key = str(obj["apiVersion"]).partition("/")[0], key_of(obj)
            last[key] = obj
            found.places[key_of(obj)] = manifest.place
    found.objects = list(last.values())
    return found


def _place(obj: Object, namespace: str) -> None:
    if kinds.is_cluster_scoped(str(obj["kind"]), str(obj["apiVersion"])):
        obj["metadata"].pop("namespace", None)
    else:
        obj["metadata"].setdefault("namespace", namespace)


def _texts(names: Sequence[str], stdin: str, found: Files) -> Iterator[tuple[str, str]]:
    for name in names:
        path = Path(name)
        if name == STDIN:
            yield "stdin", stdin
        elif path.is_dir():
            yield from _folder(path, found)
        else:
            text = _text(path, found)
            if text is not None:
                yield name, text


def _folder(path: Path, found: Files) -> Iterator[tuple[str, str]]:
    """The manifests below it; a kustomization is not one, nor is its patch."""
    inner = sorted(each for each in path.rglob("*") if each.suffix in SUFFIXES and each.is_file())
    texts = {each: text for each in inner if (text := _text(each, found))}
    manifest = [each for each, text in texts.items() if _OBJECT.search(text)]
    passed = kustomized.parts(texts)
    if passed:
        found.notes.append(kustomized.note(passed))
    if not set(manifest) - passed:
        found.unread.append(f"{path} holds no manifest ({', '.join(SUFFIXES)})")
    yield from ((str(each), texts[each]) for each in manifest if each not in passed)


def _text(path: Path, found: Files) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        found.unread.append(f"{path} cannot be read: {reason}")
        return None


def _manifests(file: str, text: str, found: Files) -> Iterator[manifests.Manifest]:
    import yaml

    try:
        whole = list(manifests.documents(text, file, generated=True))
    except (ActionFailed, yaml.YAMLError):
        yield from _apart(file, text, found)
        return
    if not whole:
        found.unread.append(f"{file} holds no object")
    yield from whole


def _apart(file: str, text: str, found: Files) -> Iterator[manifests.Manifest]:
    """Document by document: one that is broken does not hide the others."""
    import yaml

    starts = [0, *(each.start() for each in _BREAK.finditer(text)), len(text)]
    for start, end in pairwise(starts):
        part = text[start:end]
        padded = "\n" * text.count("\n", 0, start) + part
        try:
            yield from manifests.documents(padded, file, generated=True)
        except (ActionFailed, yaml.YAMLError) as error:
            found.unread.append(_told(file, part, error))
            kinds_in = _KIND.findall(part) or [each.kind for each in READ]
            found.unseen |= dict.fromkeys(kinds_in, f"a document of {file} could not be read")


def _told(file: str, part: str, error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f"{file}:{mark.line + 1}:{mark.column + 1}: " if mark else ""
    said = str(getattr(error, "problem", None) or error).splitlines()[0]
    text = said if said.startswith(file) else f"{where or file + ': '}{said}"
    if "{{" in part:
        text += "; it holds a template: run `helm template CHART | resilience audit -`"
    return text
