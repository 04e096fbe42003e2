"""The parts of a translation: scenarios as plain mappings, and keys without a counterpart."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from resilience.kube.selectors import Selector

NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
PLACEHOLDER = re.compile(r"<[^>]*>|\{\{.*?\}\}|\$\{?[A-Za-z_]\w*\}?|REPLACE")
RECOVERY = "5m"
"""`within` of `recovered` if the file sets no objective."""


class NotOurs(ValueError):
    """The file belongs to no tool that can be translated, or it cannot be read."""


class Missing(list[str]):
    """Lines for what has no counterpart. `refused` says that the rest would select more objects
    than the file, so it must not be written."""

    refused = False

    def refuse(self, text: str) -> None:
        """Note a missing restriction, without which the choice would be wider."""
        self.refused = True
        self.append(text)


@dataclass(slots=True)
class Draft:
    """One scenario. `missing` lists its parts without a counterpart, with the reason."""

    title: str
    namespace: str = ""
    given: list[dict[str, Any]] = field(default_factory=list)
    probes: list[dict[str, Any]] = field(default_factory=list)
    when: list[dict[str, Any]] = field(default_factory=list)
    then: list[dict[str, Any]] = field(default_factory=list)
    missing: Missing = field(default_factory=Missing)

    def recovers(self, within: str = RECOVERY) -> None:
        """Require once that the victims recover."""
        if not any("recovered" in step for step in self.then):
            self.then.append({"recovered": {}, "within": within})

    def body(self) -> dict[str, Any]:
        """The scenario as it is written to a file. A scenario without an objective requires ready
        Pods at the end."""
        judged = bool(self.probes or self.then)
        parts = {
            "scenario": re.sub(r"[${}]", "", " ".join(self.title.split()))[:80] or "converted",
            "namespace": self.namespace,
            "given": self.given,
            "while": self.probes,
            "when": self.when,
            "then": self.then if judged else [{"ready": "all", "within": RECOVERY}],
        }
        return {key: value for key, value in parts.items() if value}


@dataclass(slots=True)
class Translation:
    """The translation of one file. `missing` is what concerns no single scenario, `notes` what to
    write elsewhere."""

    tool: str
    drafts: list[Draft] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def whole(self) -> Sequence[Draft]:
        """The scenarios that do something, and not more than the file says."""
        return [draft for draft in self.drafts if draft.when and not draft.missing.refused]

    @property
    def all_missing(self) -> Sequence[str]:
        """Everything without a counterpart, each once."""
        of_drafts = [f"{draft.title}: {text}" for draft in self.drafts for text in draft.missing]
        return list(dict.fromkeys([*self.missing, *of_drafts]))


class Keys:
    """A mapping that remembers which keys were read; the others are reported as missing."""

    def __init__(self, body: Any, where: str = "") -> None:
        if not isinstance(body, Mapping):
            raise NotOurs(f"{where or 'the file'} is {type(body).__name__}, expected a mapping")
        self._body = {str(key): value for key, value in body.items()}
        self._where = where
        self._taken: set[str] = set()

    def take(self, *names: str, default: Any = "") -> Any:
        """The first of these keys that has a value; all of them count as read."""
        self._taken.update(names)
        found = [self._body[name] for name in names if self._body.get(name) not in (None, "")]
        return found[0] if found else default

    def text(self, *names: str) -> str:
        """The value as text; "" if there is none."""
        return str(self.take(*names)).strip()

    def whole(self, name: str, into: list[str], default: int = 0) -> int:
        """A whole number; any other value is reported as missing."""
        text = self.text(name)
        if not text:
            return default
        try:
            return int(float(text))
        except (ValueError, OverflowError):
            into.append(f"{name}: {text!r} is not a number")
            return default

    def rest(
        self, why: str = "no counterpart", only: Collection[str] | None = None
    ) -> Iterator[str]:
        """The keys that were not read and have a value; with `only`, just those of these names,
        which then count as read."""
        left = [key for key in self._body if key not in self._taken]
        if only is not None:
            left = [key for key in left if key in only]
            self._taken.update(left)
        for key in left:
            value = self._body[key]
            if value not in (None, "", [], {}, False):
                yield f"{self._where}{key}{_shown(value)}: {why}"


def _shown(value: Any) -> str:
    text = str(value)
    return f"={text}" if len(text) <= 60 and not isinstance(value, dict | list) else ""


def labels(text: Any, what: str, into: Missing) -> str:
    """A label selector in the canonical form; "" and a line in `into` for any other text."""
    if isinstance(text, Mapping):
        text = ",".join(f"{key}={value}" for key, value in text.items())
    if not str(text).strip():
        return ""
    if why := placeholder(str(text), what):
        into.refuse(why)
        return ""
    try:
        return str(Selector.parse(str(text).strip()))
    except ValueError:
        into.refuse(f"{what}: {text!r} is not a label selector")
        return ""


def namespace(text: str, what: str, into: Missing) -> str:
    """A namespace's name; for a regular expression, the only name that it can mean."""
    plain = text.removeprefix("^").removesuffix("$").replace("\\-", "-")
    if not text or NAME.fullmatch(plain):
        return plain
    why = (
        placeholder(text, what) or f"{what}: {text!r} is a pattern; one scenario has one namespace"
    )
    into.refuse(why)
    return ""


def placeholder(text: str, what: str) -> str:
    """Why a value that is still a placeholder cannot be used; "" for any other."""
    return f"{what}: {text!r} is still a placeholder" if PLACEHOLDER.search(text) else ""


def seconds(value: Any, what: str, into: list[str]) -> str:
    """A number of seconds, or a Go duration, as a duration; "" for none."""
    text = str(value).strip()
    if re.fullmatch(r"0+(\.0+)?(ms|s|m|h|d)?", text):
        return ""
    if re.fullmatch(r"\d{1,9}", text):
        return f"{int(text)}s"
    if re.fullmatch(r"(\d{1,9}(\.\d{1,9})?(ms|s|m|h|d))+", text):
        return text
    if text:
        into.append(f"{what}: {text!r} is not a duration")
    return ""


def without_kubelet(text: str, into: Missing) -> dict[str, str]:
    """The keys of a `node_down` of the kubelet alone, which lasts one to three minutes."""
    match = re.fullmatch(r"(\d+)s", text)
    if text and not (match and 60 <= int(match[1]) <= 180):
        into.append(f"duration={text}: the kubelet stays down for 1m to 3m")
        text = ""
    return {"only": "kubelet", **({"duration": text} if text else {})}


def sorted_out(found: Mapping[str, Any]) -> dict[str, Any]:
    """The mapping without empty values."""
    return {key: value for key, value in found.items() if value not in ("", None, [], ())}


Reader = Callable[[Any, str], Translation]
"""(the file's documents, its name) -> what became of it."""
