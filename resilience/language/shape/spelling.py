"""A misspelt top-level key is reported once, and then read as the key it resembles.

So `whem:` is one problem and not three (unknown, `when` missing, nothing broken), and problems
inside it are found in the same pass. Words of other tools count as spellings as well. The document
stays wrong: a problem has been recorded.
"""

from __future__ import annotations

from collections.abc import Mapping

from resilience.language.shape.reading import Entry, Reading
from resilience.language.shape.records import Record, unknown
from resilience.language.text.near import nearest, quoted

_SYNONYMS = {
    "given": ("setup", "before", "background", "prepare", "arrange"),
    "while": ("probes", "measure", "steady_state_hypothesis"),
    "when": ("steps", "actions", "method", "act", "faults", "chaos"),
    "then": ("checks", "expect", "assert", "verify", "after"),
    "scenario": ("title", "name"),
    "namespaces": ("namespace",),
    "keep": ("retention",),
    "drill": ("restore",),
}
"""The words of other tools."""


def mended(
    entries: Mapping[str, Entry], record: Record, reading: Reading, label: str
) -> Mapping[str, Entry]:
    """The same entries under the intended keys; one problem for each misspelt key."""
    found: dict[str, Entry] = {}
    for key, entry in entries.items():
        meant = "" if key in record.fields else _meant(key, record, entries)
        if meant:
            unknown(entry, record.keys, reading, label, suggestion=quoted(meant))
        found.setdefault(meant or key, entry._replace(key=meant or key))
    return found


def _meant(key: str, record: Record, entries: Mapping[str, Entry]) -> str:
    """The known key that is not present itself; "" without a close one."""
    plain = key.lower().replace("-", "_")
    others = [known for known, words in _SYNONYMS.items() if plain in words]
    close = [each for each in (*others, nearest(key, record.keys).strip("`")) if each]
    return next((each for each in close if each in record.fields and each not in entries), "")
