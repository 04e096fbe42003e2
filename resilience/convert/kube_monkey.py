"""kube-monkey: its config.toml, also inside a ConfigMap. The labels of workloads are read as they
are by `opted_in: true`.

Source: kube-monkey's config/param/param.go and README.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
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
    """The same of a ConfigMap."""
    data = document.get("data") if isinstance(document, Mapping) else None
    texts = [text for text in data.values() if isinstance(text, str)] if isinstance(
        data, Mapping) else []  # fmt: skip
    return next((found for text in texts if (found := config(text)) is not None), None)


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
    draft.missing += keys.rest()
    for table, body in said.items():
        if table != "kubemonkey" and isinstance(body, dict):
            draft.missing += Keys(body, f"{table}.").rest()
    made.drafts.append(draft)
    made.notes.append(
        "opted_in reads kube-monkey/enabled, identifier, mtbf, kill-mode and kill-value of the"
        " workloads as they are"
    )
    return made


def _namespaces(keys: Keys, made: Translation, missing: Missing) -> str:
    wanted = [str(each) for each in keys.take("whitelisted_namespaces", default=[]) if each]
    without = [str(each) for each in keys.take("blacklisted_namespaces", default=[]) if each]
    parts = [f"{NAME} in ({', '.join(wanted)})"] if wanted else ["resilience/consent=allow"]
    parts += [f"{NAME} notin ({', '.join(without)})"] if without else []
    if not wanted:
        made.notes.append("without whitelisted_namespaces kube-monkey acts in every namespace; here"
                          " in those with the label resilience/consent=allow")  # fmt: skip
    return translation.labels(",".join(parts), "whitelisted_namespaces", missing)


def _times(keys: Keys, made: Translation) -> None:
    run, start = keys.take("run_hour", default=8), keys.take("start_hour", default=10)
    end, zone = keys.take("end_hour", default=16), keys.text("time_zone") or "America/Los_Angeles"
    if all(isinstance(hour, int) for hour in (start, end)) and 0 <= start < end <= 24:
        made.notes.append(
            f'start_hour, end_hour, time_zone: windows = ["* {start}-{end - 1} * * mon-fri"] and'
            f' timezone = "{zone}" in the target'
        )
    made.notes.append(f"run_hour={run}: one run a day, at a moment of your own: a CronJob, or"
                      " resilience watch --every 1d --jitter 6h")  # fmt: skip
    if keys.take("dry_run", default=True):
        made.notes.append("dry_run is true without another word: --resilience-dry-run")
    if host := keys.text("host"):
        made.notes.append(f"host={host}: --resilience-context names the cluster")
