"""chaoskube: flags of a command line, a manifest's arguments, CHAOSKUBE_ variables, chart values.

Source: chaoskube's main.go (flags and their defaults) and README.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from resilience.convert import translation
from resilience.convert.translation import Draft, Keys, Missing, Translation

NAME = "kubernetes.io/metadata.name"
_PROGRAM = re.compile(r"(?:[^-=\s][^=\s]*/)?chaoskube(?:[:@]\S+)?")
_SET = re.compile(r"([\w.-]+)=((?:\\,|[^,])*)")
_SWITCHES = {"dry-run", "no-dry-run", "debug", "help", "version"}
_NOT_NEEDED = ("debug", "log-format", "log-caller", "help", "version")
_CHOOSES_NOTHING = {
    "dynamic-interval", "dynamic-factor", "master", "max-runtime", "notify-webhook", "random",
    "replicas", "slack-webhook", "termination-frequency-annotation", "webhook",
}  # fmt: skip
"""Flags without a counterpart, of chaoskube and of forks, that make no other Pod a victim. Any
other flag may: what it would leave out is unknown."""

_OLD_CHART = {
    "annotations": "annotations", "debug": "debug", "dryRun": "dry-run",
    "excludedDaysOfYear": "excluded-days-of-year", "excludedPodNames": "excluded-pod-names",
    "excludedTimesOfDay": "excluded-times-of-day", "excludedWeekdays": "excluded-weekdays",
    "gracePeriod": "grace-period", "includedPodNames": "included-pod-names",
    "interval": "interval", "kinds": "kinds", "labels": "labels", "logFormat": "log-format",
    "maxKill": "max-kill", "minimumAge": "minimum-age", "namespaceLabels": "namespace-labels",
    "namespaces": "namespaces", "timezone": "timezone",
}  # fmt: skip
"""Values of the chart stable/chaoskube, and the flags that it makes of them."""

_CHOOSING = ("annotations", "excludedPodNames", "includedPodNames", "kinds", "labels", "minimumAge",
             "namespaceLabels", "namespaces")  # fmt: skip
"""Those that make fewer Pods victims."""


def from_line(text: str) -> dict[str, str]:
    """The flags of a command line; {} when it does not call chaoskube."""
    try:
        words = shlex.split(text.replace("\\\n", " "), comments=True)
    except ValueError:
        return {}
    starts = [at for at, word in enumerate(words) if _PROGRAM.fullmatch(word)]
    if not starts:
        return {}
    return _of_helm(words) if words[0] == "helm" else flags(words[starts[-1] + 1 :])


def _of_helm(words: Sequence[str]) -> dict[str, str]:
    """What `helm install` sets, of the old chart and of the new one. A file of values would have
    to be converted itself."""
    found: dict[str, str] = {}
    for at, word in enumerate(words):
        name, equals, value = word.partition("=")
        value = value if equals else "".join(words[at + 1 : at + 2])
        if name in ("-f", "--values"):
            found[f"values={value}"] = "true"
        if name in ("--set", "--set-string"):
            for key, text in _SET.findall(value):
                plain = key.removeprefix("chaoskube.args.")
                found[_OLD_CHART.get(plain, plain)] = text.strip('"').replace("\\,", ",") or "true"
    return found


def flags(words: Sequence[str]) -> dict[str, str]:
    """`--name=value`, `--name value`, `--no-name` as a mapping; the last one of a name counts."""
    found: dict[str, str] = {}
    left = list(words)
    while left:
        word = left.pop(0)
        if not word.startswith("--"):
            continue
        name, equals, value = word[2:].partition("=")
        if not equals and name not in _SWITCHES and left and not left[0].startswith("--"):
            value = left.pop(0)
        found[name] = value if equals else value or "true"
    return found


def in_manifest(document: Any) -> Iterator[dict[str, str]]:
    """The arguments of each container that runs chaoskube, and of a chart's values."""
    if isinstance(document, Mapping):
        found = document.get("chaoskube")
        if isinstance(found, Mapping) and isinstance(found.get("args"), Mapping):
            said = {str(key): _argument(str(key), value) for key, value in found["args"].items()
                    if value is not None}  # fmt: skip
            yield said | _unread(document)
        if "chaoskube" in str(document.get("image")) and "interval" in document:
            yield {flag: _argument(flag, document[key]) for key, flag in _OLD_CHART.items()
                   if document.get(key) not in (None, "")}  # fmt: skip
        for container in _containers(document):
            yield from _of_container(container)


def _unread(values: Mapping[str, Any]) -> dict[str, str]:
    """Values beside `chaoskube`, where the old chart had them. The chart ignores them, so that
    chaoskube acts everywhere, although its user meant fewer Pods."""
    return {f"{_OLD_CHART[key]}, which the chart only reads in chaoskube.args": str(values[key])
            for key in _CHOOSING if values.get(key)}  # fmt: skip


def _argument(name: str, value: Any) -> str:
    """As the chart writes it: a flag with an empty value is written without one."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text or ("true" if name in _SWITCHES else "")


def _containers(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for key, value in document.items():
        if key == "containers" and isinstance(value, list):
            yield from (each for each in value if isinstance(each, Mapping))
        elif isinstance(value, Mapping):
            yield from _containers(value)


def _of_container(container: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    if "chaoskube" not in f"{container.get('image')} {container.get('name')}":
        return
    words = [*_words(container.get("command")), *_words(container.get("args"))]
    found = flags(words)
    for each in container.get("env") or ():
        name = str(each.get("name", "")) if isinstance(each, Mapping) else ""
        if name.startswith("CHAOSKUBE_"):
            found.setdefault(name[10:].lower().replace("_", "-"), str(each.get("value", "")))
    yield found


def _words(value: Any) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []


def translated(each: Iterable[Mapping[str, str]]) -> Translation:
    """A scenario for each set of flags."""
    made = Translation("chaoskube")
    for number, said in enumerate(each, 1):
        title = "any Pod, as chaoskube" + (f" {number}" if number > 1 else "")
        made.drafts.append(_draft(title, Keys(said, "--"), made))
    return made


def _draft(title: str, keys: Keys, made: Translation) -> Draft:
    draft = Draft(title)
    missing = draft.missing
    kill = {
        "namespaces": _namespaces(keys, made, missing),
        "pods": translation.labels(keys.text("labels"), "--labels", missing),
        "annotations": translation.labels(keys.text("annotations"), "--annotations", missing),
        "kinds": _kinds(keys.text("kinds"), made),
        "min_age": translation.seconds(keys.text("minimum-age"), "--minimum-age", missing),
        "one_per": "owner",
        "count": keys.whole("max-kill", missing, 1),
        "grace": _grace(keys, missing),
    }
    draft.when.append({"kill": translation.sorted_out(kill)})
    draft.recovers()
    for name in ("included-pod-names", "excluded-pod-names"):
        if value := keys.text(name):
            missing.refuse(f"--{name}={value}: Pods are chosen by their labels, not by patterns")
    _times(keys, made)
    keys.take(*_NOT_NEEDED)
    missing += keys.rest(only=_CHOOSES_NOTHING)
    for line in keys.rest("chaoskube has no such flag, and it may choose Pods"):
        missing.refuse(line)
    return draft


def _namespaces(keys: Keys, made: Translation, missing: Missing) -> str:
    listed = [each.strip() for each in keys.text("namespaces").split(",") if each.strip()]
    wanted = [each for each in listed if not each.startswith("!")]
    without = [each[1:] for each in listed if each.startswith("!")]
    parts = [f"{NAME} in ({', '.join(wanted)})"] if wanted else []
    parts += [f"{NAME} notin ({', '.join(without)})"] if without else []
    parts += [keys.text("namespace-labels")] if keys.text("namespace-labels") else []
    scope = keys.text("client-namespace-scope")  # chaoskube acts only in these namespaces
    parts += [f"{NAME}={scope}"] if scope else []
    if not wanted and not scope:
        parts.insert(0, "resilience/consent=allow")
        made.notes.append("without --namespaces chaoskube acts in every namespace; the scenario "
                          "acts in those with the label resilience/consent=allow")  # fmt: skip
    return translation.labels(",".join(parts), "--namespaces", missing)


def _kinds(text: str, made: Translation) -> list[str]:
    """chaoskube goes by the Pod's direct owner, so a Deployment is a ReplicaSet there."""
    kinds = [each.strip().lower() for each in text.split(",") if each.strip()]
    if any(each.lstrip("!") == "replicaset" for each in kinds):
        made.notes.append("--kinds=ReplicaSet means Deployments, whose ReplicaSets own the Pods")
    return [each.replace("replicaset", "deployment") for each in kinds]


def _grace(keys: Keys, missing: Missing) -> str:
    text = keys.text("grace-period")
    if text in ("", "-1", "-1s", "-1ns"):
        return ""
    return "0s" if re.fullmatch(r"0\w*", text) else translation.seconds(
        text, "--grace-period", missing)  # fmt: skip


def _times(keys: Keys, made: Translation) -> None:
    """What a schedule, a target or an option says here."""
    every = keys.text("interval") or "10m"
    made.notes.append(f"--interval={every}: resilience watch --every {every} FILE")
    zone = keys.text("timezone")
    closed = {key: keys.text(key) for key in
              ("excluded-weekdays", "excluded-times-of-day", "excluded-days-of-year")}  # fmt: skip
    for key, value in {**closed, "timezone": zone}.items():
        if value:
            made.notes.append(
                f"--{key}={value}: `windows`, `blackout` and `timezone` of the target say when"
                " something may be broken"
            )
    dry = keys.text("dry-run") != "false" and not keys.text("no-dry-run")
    keys.take("no-dry-run")
    if dry:
        made.notes.append("chaoskube only logs without --no-dry-run: --resilience-dry-run")
    for key, here in (("metrics-address", "resilience watch --listen"),
                      ("kubeconfig", "--resilience-kubeconfig"),
                      ("log-level", "-v of pytest")):  # fmt: skip
        if value := keys.text(key):
            made.notes.append(f"--{key}={value}: {here}")
