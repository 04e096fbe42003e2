"""kube-monkey: its config.toml, also inside a ConfigMap, its environment variables and the values
of its chart. The labels of workloads are read as they are by `opted_in: true`.

Source: kube-monkey's config/param/param.go, docs/configuration.md and docs/helm-chart.md.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from resilience.convert import translation
from resilience.convert.translation import Draft, Keys, Missing, Translation

NAME = "kubernetes.io/metadata.name"


def config(text: str) -> Mapping[str, Any] | None:
    """The TOML of kube-monkey; None for any other text."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
    return found if isinstance(found.get("kubemonkey"), dict) else None


def in_manifest(document: Any) -> Mapping[str, Any] | None:
    """The same of a ConfigMap, of a container's environment, or of the chart's values."""
    if not isinstance(document, Mapping):
        return None
    data = document.get("data")
    texts = data.values() if isinstance(data, Mapping) else ()
    for text in texts:
        if isinstance(text, str) and (found := config(text)) is not None:
            return found
    return _of_values(document) or _of_environment(document)


def _of_values(values: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The chart: `config:` with the same keys in camel case, beside kube-monkey's image."""
    config, image = values.get("config"), values.get("image")
    name = str(image.get("repository")) if isinstance(image, Mapping) else str(image or "")
    if not isinstance(config, Mapping):
        return None
    keys = {_snake(str(key)): value for key, value in config.items()}
    if "kube-monkey" not in name and not {"run_hour", "start_hour"} <= keys.keys():
        return None
    tables = {key: keys.pop(key) for key in [*keys] if isinstance(keys[key], Mapping)}
    return {"kubemonkey": keys, **tables}


def _snake(name: str) -> str:
    """The chart's `gracePeriodSec` is `graceperiod_sec` in the file."""
    snake = re.sub(r"(?<=[a-z0-9])([A-Z])", lambda found: f"_{found[1].lower()}", name)
    return snake.replace("grace_period_sec", "graceperiod_sec")


def _of_environment(document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Variables such as KUBEMONKEY_RUN_HOUR of any container; lists are separated by commas or
    spaces."""
    found: dict[str, Any] = {}
    for each in _variables(document):
        name = str(each.get("name", ""))
        if name.startswith("KUBEMONKEY_"):
            key, value = name[11:].lower(), str(each.get("value", ""))
            listed = key.endswith("_namespaces") or key == "run_days"
            found[key] = re.split(r"[,\s]+", value) if listed else _plain(value)
    return {"kubemonkey": found} if found else None


def _variables(value: Any) -> Iterator[Mapping[str, Any]]:
    if not isinstance(value, Mapping):
        return
    for key, inner in value.items():
        if key == "containers" and isinstance(inner, list):
            for container in inner:
                listed = container.get("env") if isinstance(container, Mapping) else None
                yield from (each for each in listed or () if isinstance(each, Mapping))
        else:
            yield from _variables(inner)


def _plain(text: str) -> Any:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    return int(text) if re.fullmatch(r"\d{1,6}", text) else text


def translated(said: Mapping[str, Any]) -> Translation:
    """One scenario."""
    made = Translation("kube-monkey")
    keys = Keys(said["kubemonkey"], "kubemonkey.")
    draft = Draft("any workload that opted in, as kube-monkey")
    grace = translation.seconds(keys.take("graceperiod_sec", default=5), "graceperiod_sec",
                                draft.missing)  # fmt: skip
    kill = {
        "namespaces": _namespaces(keys, made, draft.missing),
        "opted_in": True,
        "grace": grace or "0s",
    }
    draft.when.append({"kill": translation.sorted_out(kill)})
    draft.recovers()
    _times(keys, made)
    _custom(keys, draft.missing)
    draft.missing += keys.rest()
    for table, body in said.items():
        if table != "kubemonkey" and isinstance(body, dict):
            tables = Keys(body, f"{table}.")
            if table == "kubernetes" and (host := tables.text("host")):
                made.notes.append(f"kubernetes.host={host}: --resilience-context names the cluster")
            draft.missing += tables.rest()
    made.drafts.append(draft)
    made.notes.append(
        "opted_in reads kube-monkey/enabled, identifier, mtbf, kill-mode and kill-value of the"
        " workloads as they are"
    )
    return made


def _custom(keys: Keys, missing: Missing) -> None:
    """Pods of custom resources: kinds that `opted_in` does not know."""
    for each in keys.take("custom_resources", default=[]):
        kind = each.get("resource") if isinstance(each, Mapping) else each
        missing.append(f"kubemonkey.custom_resources: Pods of {kind} opt in by the label"
                       ' resilience.io/enabled: "true" of their own')  # fmt: skip


def _namespaces(keys: Keys, made: Translation, missing: Missing) -> str:
    wanted = _listed(keys, "whitelisted_namespaces", [])
    without = _listed(keys, "blacklisted_namespaces", ["kube-system"])
    if "*" in wanted:
        wanted = []
    for each in (*wanted, *without):
        if set(each) & set("*?["):
            missing.refuse(f"a pattern of namespaces, {each!r}: namespaces are chosen by labels; "
                           "label the intended ones")  # fmt: skip
            return ""
    if wanted:
        if left := [each for each in wanted if each not in without]:
            return translation.labels(f"{NAME} in ({', '.join(left)})", "whitelisted_namespaces",
                                      missing)  # fmt: skip
        missing.refuse("each namespace of whitelisted_namespaces is in blacklisted_namespaces")
        return ""
    parts = ["resilience/consent=allow"]
    parts += [f"{NAME} notin ({', '.join(without)})"] if without else []
    made.notes.append("without whitelisted_namespaces kube-monkey acts in every namespace; the "
                      "scenario acts in those with the label resilience/consent=allow")  # fmt: skip
    return translation.labels(",".join(parts), "blacklisted_namespaces", missing)


def _listed(keys: Keys, name: str, default: list[str]) -> list[str]:
    """A list, or one name; [""] is an empty one."""
    found = keys.take(name, default=default)
    return [str(each) for each in (found if isinstance(found, list) else [found]) if each]


def _days(keys: Keys) -> str:
    """`run_days` as cron writes them."""
    days = [day.lower()[:3] for day in _listed(keys, "run_days", [])]
    weekdays = ["mon", "tue", "wed", "thu", "fri"]
    return ",".join(days) if days and sorted(days) != sorted(weekdays) else "mon-fri"


def _times(keys: Keys, made: Translation) -> None:
    run, start = keys.take("run_hour", default=8), keys.take("start_hour", default=10)
    end, zone = keys.take("end_hour", default=16), keys.text("time_zone") or "America/Los_Angeles"
    days = _days(keys)
    if all(isinstance(hour, int) for hour in (start, end)) and 0 <= start < end <= 24:
        made.notes.append(
            f'start_hour, end_hour, time_zone: windows = ["* {start}-{end - 1} * * {days}"] and'
            f' timezone = "{zone}" in the target'
        )
    made.notes.append(f"run_hour={run}: one run a day, at a time that you choose: use a CronJob, or"
                      " resilience watch --every 1d --jitter 6h")  # fmt: skip
    if keys.take("dry_run", default=True):
        made.notes.append("dry_run is true by default: use --resilience-dry-run")
    if host := keys.text("host"):
        made.notes.append(f"host={host}: --resilience-context names the cluster")
