"""Rules for single values of a plan that a type alone cannot express.

A schedule is checked here (five fields in their ranges, a day that occurs); the backup room
computes its times.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from yaml.nodes import Node

from resilience.kube.cron import Cron, otherwise
from resilience.language.shape.reading import Reading, child
from resilience.language.text.near import nearest, quoted
from resilience.model.inside import Dump, PlanHook
from resilience.model.scenario import Drill, Exclude, Keep, PlanObjective, Step
from resilience.model.store_urls import SCHEMES, told

_PATTERN = re.compile(r"[a-z0-9*?]([-a-z0-9*?]{0,61}[a-z0-9*?])?")
_LONGEST = 63
_SCRATCH = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_FIELDS: tuple[tuple[str, int, int, list[str]], ...] = (
    ("minute", 0, 59, []),
    ("hour", 0, 23, []),
    ("day of the month", 1, 31, []),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 7, _DAYS),
)
_NICKNAMES = ("@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually")
_CRON = "five fields such as `0 2 * * *`: minute, hour, day, month, day of the week"


def namespace(node: Node, name: str, reading: Reading) -> None:
    """A name or a pattern of names."""
    if not _PATTERN.fullmatch(name):
        reading.wrong(
            node,
            f"the namespace {quoted(name)}",
            "a name such as `shop` or a pattern such as `shop-*`",
        )


_STORE = (
    r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?"
    r"|gs://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]([/?].*)?"
    r"|az://(\$root|[a-z0-9][a-z0-9-]{1,61}[a-z0-9])([/?].*)?"
    r"|file:.+"
)


def store(node: Node, url: str, reading: Reading) -> None:
    """The place where snapshots are kept."""
    if not re.fullmatch(_STORE, url):
        reading.wrong(
            node,
            f"`store` is {quoted(told(url))}",
            "`s3://bucket/prefix`, `gs://bucket`, `az://container` or `file:DIRECTORY`",
            _meant(url),
        )


def _meant(url: str) -> str:
    scheme, colon, _ = url.partition(":")
    if not colon:
        return quoted(f"file:{url}")
    return "" if scheme in SCHEMES else nearest(scheme, SCHEMES)


def schedule(node: Node, text: str, reading: Reading) -> None:
    """Five fields, or one of cron's nicknames."""
    if text in _NICKNAMES:
        return
    fields = text.split()
    if other := otherwise(text):
        reading.wrong(node, f"`schedule` is {quoted(text)}", other)
        return
    if text.startswith("@") or len(fields) != len(_FIELDS):
        reading.wrong(node, f"`schedule` is {quoted(text)}", _CRON, nearest(text, _NICKNAMES))
        return
    fits = True
    for written, (name, low, high, words) in zip(fields, _FIELDS, strict=True):
        if not _fits(written.lower(), low, high, words):
            fits = False
            reading.wrong(
                node,
                f"the {name} of the schedule is {quoted(written)}",
                f"{low} to {high}, `*`, `*/n`, ranges and lists",
            )
    if fits:
        _occurs(node, text, reading)


def _occurs(node: Node, text: str, reading: Reading) -> None:
    """Fields that are in range may still name a day that no month has."""
    try:
        Cron.parse(text)
    except ValueError as problem:
        reading.wrong(node, f"`schedule` is {quoted(text)}", str(problem))


def _fits(field: str, low: int, high: int, words: list[str]) -> bool:
    return all(_part_fits(part, low, high, words) for part in field.split(","))


def _part_fits(part: str, low: int, high: int, words: list[str]) -> bool:
    match = re.fullmatch(r"(\*|[a-z0-9]{1,4})(?:-([a-z0-9]{1,4}))?(?:/([1-9][0-9]{0,2}))?", part)
    if not match or (match[1] == "*" and match[2]):
        return False
    ends = [_number(word, low, words) for word in (match[1], match[2]) if word and word != "*"]
    return all(low <= end <= high for end in ends) and ends == sorted(ends)


def _number(word: str, low: int, words: list[str]) -> int:
    """-1 for anything that is not a number of this field."""
    if word in words:
        return words.index(word) + low
    return int(word) if re.fullmatch(r"[0-9]{1,4}", word) else -1


def timezone(node: Node, name: str, reading: Reading) -> None:
    """A name of the IANA database, if this host has one."""
    import zoneinfo

    known = zoneinfo.available_timezones()
    if known and name not in known:
        reading.wrong(
            node,
            f"`timezone` is {quoted(name)}",
            "an IANA name such as `Europe/Berlin`",
            nearest(name, known),
        )


def kinds(node: Node, value: tuple[str, ...], reading: Reading) -> None:
    """Plural names in lower case, as `kubectl api-resources` lists them."""
    for item, name in zip(node.value, value, strict=True):
        if not re.fullmatch(r"[a-z0-9*?][a-z0-9.*?-]*", name):
            reading.wrong(
                item,
                f"the kind {quoted(name)}",
                "its plural name, such as `secrets` or `deployments.apps`",
                quoted(f"{name.lower()}s") if name.isalpha() else "",
            )


def recipients(node: Node, value: tuple[str, ...], reading: Reading) -> None:
    """Public keys; a secret key (`AGE-SECRET-KEY-1...`) must not be in a plan."""
    for item, key in zip(node.value, value, strict=True):
        if not re.fullmatch(r"age1[02-9ac-hj-np-z]{58}", key):
            told = (
                "an age secret key"
                if key.upper().startswith("AGE-SECRET")
                else "not an age public key"
            )
            reading.wrong(item, f"a recipient is {told}", "a public key: `age1` and 58 characters")


def helper_image(node: Node, value: str, reading: Reading) -> None:
    """An image reference, as in a Pod's container."""
    if value and not re.fullmatch(r"[a-z0-9][\w.:/@-]*", value):
        reading.wrong(
            node,
            f"`helper_image` is {quoted(value)}",
            "an image reference such as `registry.example.com/python:3.13-slim`",
        )


def hooks(node: Node, value: tuple[PlanHook, ...], reading: Reading) -> None:
    """A hook with at least one command."""
    for item, hook in zip(node.value, value, strict=True):
        if not (hook.before or hook.after):
            reading.wrong(item, "the hook has no command", "`before`, `after`, or both")


def dumps(node: Node, value: tuple[Dump, ...], reading: Reading) -> None:
    """Names that can be keys of a store, each once."""
    seen: set[str] = set()
    for item, dump in zip(node.value, value, strict=True):
        if not re.fullmatch(r"[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?", dump.name):
            reading.wrong(
                item, f"the dump {quoted(dump.name)}", "a name of a-z, 0-9, dots and dashes"
            )
        if dump.name in seen:
            reading.wrong(item, f"two dumps are called {quoted(dump.name)}", "a name for each")
        seen.add(dump.name)


def exclude(node: Node, value: Exclude, reading: Reading) -> None:
    """Check exclusions, which use the same names."""
    if (named := child(node, "namespaces")) and value.namespaces:
        for item, name in zip(named.value, value.namespaces, strict=True):
            namespace(item, name, reading)
    if (named := child(node, "kinds")) and value.kinds:
        kinds(named, value.kinds, reading)


def keep(node: Node, value: Keep, reading: Reading) -> None:
    """Check that the retention keeps something."""
    if value == Keep():
        reading.wrong(node, "`keep` keeps nothing", "at least one number, or no `keep`")


def objective(node: Node, value: PlanObjective, reading: Reading) -> None:
    """An objective with at least one key."""
    if value == PlanObjective():
        reading.wrong(node, "`objective` is empty", "`rpo`, `rto`, or no `objective`")


def drill(node: Node, value: Drill, reading: Reading) -> None:
    """Check that the drill has its own scratch namespace."""
    name = value.into.replace("${namespace}", "n")
    if not _SCRATCH.fullmatch(name) or value.into == "${namespace}":
        reading.wrong(
            node,
            f"the drill restores into {quoted(value.into)}",
            "a scratch namespace of its own, such as `${namespace}-drill`",
        )

    if (named := child(node, "custom")) and value.custom:
        kinds(named, value.custom, reading)


def apart(
    node: Node, into: str, taken: Sequence[str], left: Sequence[str], reading: Reading
) -> None:
    """A drill must not restore into a namespace that the plan backs up: it would overwrite its
    own subject, or the next snapshot would include the scratch namespace. Patterns are compared
    with names and patterns."""
    for pattern in taken:
        name = into.replace("${namespace}", pattern)
        if len(name) > _LONGEST:
            reading.wrong(
                node,
                f"the drill goes into {quoted(name)}, a name of {len(name)} characters",
                f"an `into` that gives a namespace of at most {_LONGEST}, such as `drill`",
            )
            return
        if any(fnmatchcase(name, one) for one in taken) and not any(
            fnmatchcase(name, one) for one in left
        ):
            reading.wrong(
                node,
                f"the drill restores into {quoted(name)}, which the plan backs up",
                "a scratch namespace of its own, or one that `exclude: {namespaces: [...]}` names",
            )
            return


def asks_the_copy(node: Node, value: Drill, taken: Sequence[str], reading: Reading) -> None:
    """A check of a drill that queries the original, or anything outside, proves nothing about
    the copy. The namespaces of a pattern are not known here: a name that matches one is
    accepted."""
    copies = [value.into.replace("${namespace}", each) for each in taken]
    steps = child(node, "then")
    for item, step in zip(steps.value if steps else (), value.then, strict=False):
        for field, text in _elsewhere(step, copies):
            reading.wrong(
                item,
                f"`{step.verb.name}` under `drill.then` queries {field} {quoted(text)}, which is "
                "not the drill's copy",
                f"a Service of the scratch namespace (leave `{field}` out)",
            )


def _elsewhere(step: Step, copies: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Parameters that refer outside the scratch namespaces, also of nested steps."""
    for name in getattr(step.parameters, "__dataclass_fields__", ()):
        found = getattr(step.parameters, name)
        for inner in found if isinstance(found, tuple) else (found,):
            if isinstance(inner, Step):
                yield from _elsewhere(inner, copies)
        named = name == "namespace" and isinstance(found, str) and found
        if named and not any(fnmatchcase(found, copy) for copy in copies):
            yield name, found
        if name in ("url", "host") and found and not _is_inside(str(found), copies):
            yield name, str(found)


def _is_inside(address: str, copies: Sequence[str]) -> bool:
    """`SERVICE.NAMESPACE`, with or without `.svc` and the cluster's domain, or a URL of such."""
    host = address.partition("://")[2] or address
    host = re.split(r"[/:?#]", host.rpartition("@")[2], maxsplit=1)[0]
    labels = host.split(".")
    inside = len(labels) == 2 or (len(labels) > 2 and labels[2] == "svc")
    return inside and any(fnmatchcase(labels[1], copy) for copy in copies)


RULES: Mapping[str, Callable[[Node, Any, Reading], None]] = {
    "store": store,
    "schedule": schedule,
    "timezone": timezone,
    "keep": keep,
    "objective": objective,
    "drill": drill,
    "kinds": kinds,
    "recipients": recipients,
    "helper_image": helper_image,
    "exclude": exclude,
    "hooks": hooks,
    "dumps": dumps,
}
"""Rules by the name of the form's field."""
