"""What users of kubectl, Velero, Helm and kind type, and the command that does the same here.

Answers only: nothing is run under another name, except `help` and `version`, which every command
line has. Two rules need no table: the noun may follow the verb (`get backups`), and an option of
another command line is named with the option that replaces it.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

SYNONYMS = {
    "describe": "show",
    "get": "list",
    "inspect": "show",
    "ls": "list",
    "remove": "delete",
    "rm": "delete",
    "test": "run",
    "validate": "doctor",
}
"""Words of other command lines, and the command that does the same here."""

NOUNS = ("backup", "backups", "snapshot", "snapshots")
"""What `get`, `describe`, `create` and `delete` are followed by, where the noun comes last."""

CLUSTER = {
    "create": "sandbox up",
    "delete": "sandbox down",
    "get": "sandbox status",
    "list": "sandbox status",
    "start": "sandbox up",
    "stop": "sandbox down",
}
"""The same for `cluster` and `clusters`, as of kind and k3d."""

_SCHEDULE = (
    "the schedule of a backup is in its plan: `resilience init plan` writes one, "
    "`resilience backup due PLAN` and `resilience backup run PLAN` follow it"
)
_STORE = "name a store with --store, RESILIENCE_STORE or [stores] in resilience.toml"
_LOGS = (
    "snapshots and restores keep no log: `resilience backup show NAME` says what a snapshot "
    "covers, and a restore prints what it did"
)
_INSTALL = "nothing is installed into a cluster; see deploy/ for CronJobs that run scenarios"

SENTENCES: Mapping[str, str] = {
    "apply": "to run scenarios, use `resilience run PATH`",
    "backup-location": _STORE,
    "config": "settings are in resilience.toml; `resilience init target` writes a first one",
    "download": "use `resilience backup copy NAME --to file:DIRECTORY`",
    "explain": "use `resilience schema scenario` or `resilience schema plan`",
    "install": _INSTALL,
    "location": _STORE,
    "log": _LOGS,
    "logs": _LOGS,
    "repo": _STORE,
    "rollback": "use `resilience recover` after a killed run, `resilience restore NAME` for "
    "a snapshot",
    "schedule": _SCHEDULE,
    "schedules": _SCHEDULE,
    "status": "use `resilience backup list` for snapshots, `resilience sandbox status` for "
    "sandboxes, `resilience doctor` for a cluster",
    "undo": "use `resilience recover` after a killed run",
    "uninstall": _INSTALL,
    "upgrade": _INSTALL,
}
"""Words that no single command answers."""

RESTORES = ("create", "delete", "describe", "get", "list", "logs")
"""Velero's commands on restores; here `restore` is followed by a snapshot's name."""

_TABLES = "use `-o json` and a program such as jq"
_TIMEOUT = "requests have their own time limits"
_IDENTITY = "set it in the kubeconfig, and select that with --kubeconfig or --context"

OPTIONS: Mapping[str, str] = {
    "--as": _IDENTITY,
    "--backup-location": "--store",
    "--cluster": _IDENTITY,
    "--default-volumes-to-fs-backup": "--volumes",
    "--exclude-resources": "--exclude",
    "--existing-resource-policy": "--existing",
    "--force": "--confirm",
    "--from-backup": "a snapshot's name needs no option: `resilience restore NAME`",
    "--from-schedule": "a plan file needs no option: `resilience backup create PLAN`",
    "--include-cluster-resources": "--cluster-scoped",
    "--include-namespaces": "--namespace",
    "--include-resources": "--include",
    "--kube-context": "--context",
    "--namespace-mappings": "--into",
    "--no-headers": _TABLES,
    "--request-timeout": _TIMEOUT,
    "--resource-modifier-configmap": "--modifiers",
    "--restore-volumes": "--volumes",
    "--schedule": _SCHEDULE,
    "--server": _IDENTITY,
    "--show-labels": _TABLES,
    "--snapshot-volumes": "--volumes",
    "--sort-by": _TABLES,
    "--status-include-resources": "--status",
    "--storage-location": "--store",
    "--token": _IDENTITY,
    "--ttl": "how long snapshots are kept is in the plan, under `keep:`",
    "--user": _IDENTITY,
    "--watch": "it prints once; `watch` of your shell repeats it",
    "--yes": "--confirm",
    "-w": "it prints once; `watch` of your shell repeats it",
    "-y": "--confirm",
}
"""Options of kubectl, Velero and Helm: the option that replaces one here, or a sentence."""

_RUNS = "it undoes whole runs; name one with `resilience recover RUN`"
_LABELS = "snapshots have no labels; -n selects those of a namespace"

BY_COMMAND: Mapping[tuple[str, str], str] = {
    ("backup delete", "--all"): "`resilience backup prune PLAN` deletes what a plan does not keep",
    ("backup list", "--selector"): _LABELS,
    ("backup list", "-l"): _LABELS,
    ("backup create", "--dry-run"): "`resilience doctor PLAN` checks a plan and takes no snapshot",
    ("backup create", "--wait"): "it always waits until the snapshot is complete",
    ("backup run", "--dry-run"): "`resilience backup due PLAN` lists what it would take",
    ("recover", "--namespace"): _RUNS,
    ("recover", "-n"): _RUNS,
}
"""Answers for one command only; they precede `OPTIONS`."""

FORMS = ("custom-columns", "go-template", "jsonpath", "name")
FILES = ("-f", "--file", "--filename")
HELP = ("-h", "--help")
MODES = ("client", "server")
"""The values of kubectl's `--dry-run`."""


def expanded(words: Sequence[str], groups: Sequence[str]) -> list[str]:
    """`help` and `-h` where kubectl reads them, and `version`, as options of the command that they
    are about. `groups` are the commands that have commands of their own."""
    first, *rest = words or [""]
    if first == "version":
        return ["--version"]
    if first in ("help", *HELP) and rest:
        return [*expanded(rest, groups), "--help"]
    if first in groups and rest[1:] and rest[0] in ("help", *HELP):
        return [first, *rest[1:], "--help"]
    if words in (["help"], *([group, "help"] for group in groups)):
        return [*words[:-1], "--help"]
    return list(words)


def command_for(words: Sequence[str]) -> str:
    """The command line that `words`, of another command line, is here; "" for none. The noun may
    come last."""
    verb, noun, rest = words[0], "".join(words[1:2]), list(words[2:])
    if noun in ("cluster", "clusters"):
        return CLUSTER.get(verb, "")
    if noun not in NOUNS or verb not in (*SYNONYMS, "create", "delete", "list", "show", "verify"):
        return ""
    found = SYNONYMS.get(verb, verb)
    if found == "list" and rest and not rest[0].startswith("-"):
        found = "show"
    return f"backup {shlex.join([found, *_named(found, rest)])}"


def _named(command: str, rest: list[str]) -> list[str]:
    """`create` takes a snapshot's name by option; replaced options are replaced."""
    same = {old: new for old, new in OPTIONS.items() if new.startswith("--")}
    words = [same.get(word, word) for word in rest]
    if command == "create" and words and not words[0].startswith("-") and "." not in words[0]:
        return ["--name", *words]
    return words


def sentence(word: str, following: str = "") -> str:
    """What to do instead of the command `word`; "" if one command does the same, or nothing is
    known."""
    return SENTENCES.get(following, SENTENCES.get(word, ""))


def of_restores(words: Sequence[str]) -> str:
    """What to type for Velero's commands on restores; "" if `words` is none of them."""
    if words[:1] != ["restore"] or len(words) < 2 or words[1] not in RESTORES:
        return ""
    if words[1] != "create":
        return f"there is no `restore {words[1]}`: a restore prints what it did, and is not kept"
    return f"use `resilience restore {_source(words) or 'NAME'}` with the name of a snapshot"


def _source(words: Sequence[str]) -> str:
    for at, word in enumerate(words):
        if word.startswith("--from-backup"):
            return word.partition("=")[2] or "".join(words[at + 1 : at + 2])
    return ""


def form_for(form: str, known: Sequence[str]) -> str:
    """`; ...` for a format of `-o` that only kubectl has; "" if it is none."""
    told = "json" in known and form.partition("=")[0] in FORMS
    return f"; for single fields, {_TABLES}" if told else ""


def option_for(command: str, option: str, known: Sequence[str]) -> str:
    """What to type instead of an option that `command` does not have: one of `known`, or a
    sentence; "" for neither."""
    answer = BY_COMMAND.get((command, option)) or OPTIONS.get(option, "")
    return answer if not answer.startswith("--") or answer in known else ""
