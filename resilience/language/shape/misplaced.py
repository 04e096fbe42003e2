"""Messages about words in the wrong place of a step.

A verb in another phase, two verbs in one step, a verb's key next to the verb instead of inside it,
a step's key inside the verb: each message says where the word belongs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from yaml.nodes import Node, ScalarNode

from resilience.language.compose import is_null
from resilience.language.shape import keys
from resilience.language.shape.reading import Entry, Reading, Wrong
from resilience.language.shape.records import Elsewhere
from resilience.language.text.near import listed, meant, nearest, quoted
from resilience.model.verb import Phase, Verb


def usable(reading: Reading) -> Iterator[Verb]:
    """All verbs that can be loaded, by name."""
    for name in reading.catalogue.names():
        verb = reading.catalogue.find(name)
        if isinstance(verb, Verb):
            yield verb


def verbs_of(phase: Phase | None, reading: Reading) -> str:
    """The verbs of a phase, as text."""
    found = [verb.name for verb in usable(reading) if phase is None or phase in verb.phases]
    return listed(f"`{name}`" for name in found)


def bare_verb(node: Node, reading: Reading) -> str:
    """`- ready deployment/x`, `- recovered`: the same with a colon."""
    if not isinstance(node, ScalarNode):
        return ""
    word, _, rest = node.value.partition(" ")
    if word.rstrip(":") not in reading.catalogue.names():
        return nearest(word, reading.catalogue.names()) if word else ""
    return quoted(f"{word.rstrip(':')}: {rest.strip() or '{}'}")


def not_one_verb(
    node: Node, named: Mapping[str, Entry], verbs: Sequence[str], reading: Reading
) -> Wrong:
    """Report a step without a verb or with several."""
    if len(verbs) > 1:
        words = listed((f"`{name}`" for name in verbs), "and")
        return reading.wrong(
            named[verbs[1]].key_node,
            f"{len(verbs)} verbs in one step: {words}",
            "one verb per step: start the other with its own dash",
        )
    if not named:
        return reading.wrong(node, "a step without a verb", verbs_of(reading.phase, reading))
    return _unknown_verb(next(iter(named.values())), reading)


def _unknown_verb(entry: Entry, reading: Reading) -> Wrong:
    names = reading.catalogue.names()
    close = _synonym(entry.key, names) or nearest(entry.key, [*names, *keys.ALL])
    owners = [] if close else _owners(entry.key, reading)
    if owners:
        message = f"{quoted(entry.key)} is not a verb"
        return reading.wrong(entry.key_node, message, f"it inside {_words(owners)}")
    where = f" under `{reading.phase.value}:`" if reading.phase else ""
    expected = f"a verb that is allowed{where}" if close else verbs_of(reading.phase, reading)
    return reading.wrong(entry.key_node, f"unknown verb {quoted(entry.key)}", expected, close)


_SYNONYMS = {
    "kill": ("delete", "terminate", "pod_delete", "delete_pod", "kill_pods", "pod_kill"),
    "sleep": ("wait", "pause", "delay"),
    "ready": ("wait_ready", "wait_for", "rollout_status", "available", "assert"),
    "restart": ("rollout", "rollout_restart", "bounce"),
    "crash": ("segfault", "sigkill"),
    "partition": ("network", "network_loss", "blackhole"),
    "http": ("request", "get", "ping", "url", "probe"),
    "exec": ("run", "shell"),
}
"""The words of other tools; similar spellings need no entry."""


def _synonym(word: str, names: Sequence[str]) -> str:
    plain = word.lower().replace("-", "_")
    found = [verb for verb, others in _SYNONYMS.items() if plain in others and verb in names]
    return quoted(found[0]) if found else ""


_INSTEAD = {("exec", Phase.WHILE): "command"}
"""The verb that does the same in another phase."""


def phase(verb: Verb, here: Phase, entry: Entry, reading: Reading) -> bool:
    """A verb in the wrong phase; always False."""
    allowed = listed(f"`{phase.value}:`" for phase in Phase if phase in verb.phases)
    other = _INSTEAD.get((verb.name, here), "")
    expected = f"`{other}`, or it under {allowed}" if other else f"it under {allowed}"
    reading.wrong(entry.key_node, f"`{verb.name}` is not allowed under `{here.value}:`", expected)
    return False


def strangers(verb: Verb, entries: Mapping[str, Entry], reading: Reading) -> bool:
    """Whether unknown keys are next to the verb; each is a problem."""
    allowed = reading.record_of(keys.kind(verb, reading.phase)).keys
    wrong = [entry for key, entry in entries.items() if key != verb.name and key not in allowed]
    for entry in wrong:
        _stranger(entry, verb, allowed, entries, reading)
    return bool(wrong)


def _stranger(
    entry: Entry,
    verb: Verb,
    allowed: Sequence[str],
    entries: Mapping[str, Entry],
    reading: Reading,
) -> None:
    name = verb.name
    if entry.key in keys.PROBE_ONLY:
        reading.wrong(
            entry.key_node,
            f"{quoted(entry.key)} is next to `{name}`",
            "it next to a probe under `while:`",
        )
    elif entry.key in reading.record_of(verb.parameters).fields:
        empty = is_null(entries[name].node)
        where = f"it indented below `{name}:`" if empty else f"it inside `{name}: {{...}}`"
        reading.wrong(entry.key_node, f"{quoted(entry.key)} is next to `{name}`", where)
    elif entry.key in verb.never:
        message = f"unknown key {quoted(entry.key)} next to `{name}`"
        reading.wrong(entry.key_node, message, f"no `{entry.key}`: {verb.never[entry.key]}")
    elif entry.key == "lasting":
        reading.wrong(
            entry.key_node, f"`lasting` next to `{name}`, which undoes itself", "no `lasting`"
        )
    else:
        reading.wrong(
            entry.key_node,
            f"unknown key {quoted(entry.key)} next to `{name}`",
            listed(f"`{key}`" for key in allowed),
            meant(entry.key, [*allowed, *reading.record_of(verb.parameters).keys]),
        )


def elsewhere(verb: Verb) -> Elsewhere:
    """The places where unknown keys inside a verb belong instead."""

    def told(key: str, reading: Reading) -> str:
        own = reading.record_of(verb.parameters).keys
        if key in verb.never:
            return f"no `{key}`: {verb.never[key]}"
        if key in keys.ALL:
            return f"it next to `{verb.name}`, not inside"
        if own == ("steps",) and key in reading.catalogue.names():
            return f"a list of steps, each with a dash: `- {key}: ...`"
        owners = [] if meant(key, own) else _owners(key, reading)
        if not owners:
            return ""
        known = listed(f"`{name}`" for name in own) or "no keys"
        return f"{known}; {quoted(key)} belongs to {_words(owners)}"

    return told


def _owners(key: str, reading: Reading) -> list[str]:
    return [
        verb.name for verb in usable(reading) if key in reading.record_of(verb.parameters).fields
    ]


def _words(names: Sequence[str]) -> str:
    return listed(f"`{name}`" for name in names)
