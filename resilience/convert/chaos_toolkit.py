"""Chaos Toolkit: experiments in JSON or YAML, with the actions and probes of
chaostoolkit-kubernetes.

Source: chaostoolkit-kubernetes' chaosk8s (modules, functions, arguments). What this project does by
itself, such as the undo of a scale, is noted instead of translated.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from resilience.convert import translation
from resilience.convert.translation import Draft, Keys, Translation
from resilience.convert.urls import probe_of

_VARIABLE = re.compile(r"\$\{(\w+)\}")


def is_ours(document: Any) -> bool:
    """Whether the document is an experiment."""
    return (
        isinstance(document, Mapping)
        and isinstance(document.get("method"), list)
        and ("steady-state-hypothesis" in document or "title" in document)
    )


def translated(document: Mapping[str, Any]) -> Translation:
    """One scenario."""
    made = Translation("Chaos Toolkit")
    keys = Keys(_filled(document, _values(document.get("configuration"))))
    draft = Draft(keys.text("title") or "an experiment")
    made.drafts.append(draft)
    hypothesis = keys.take("steady-state-hypothesis", default={})
    for probe in hypothesis.get("probes") or () if isinstance(hypothesis, Mapping) else ():
        _probe(probe, draft)
    for activity in keys.take("method", default=[]):
        _activity(activity, draft)
    for activity in keys.take("rollbacks", default=[]):
        name = activity.get("name") if isinstance(activity, Mapping) else activity
        made.notes.append(f"rollback {name}: not needed, because a scenario undoes its changes")
    keys.take("version", "description", "tags", "configuration", "secrets", "contributions",
              "extensions", "runtime", "dry")  # fmt: skip
    draft.missing += keys.rest()
    return made


def _values(configuration: Any) -> dict[str, str]:
    """The variables, as far as they are known without an environment."""
    found: dict[str, str] = {}
    for name, value in configuration.items() if isinstance(configuration, Mapping) else ():
        if isinstance(value, Mapping):
            if "default" in value:
                found[str(name)] = str(value["default"])
        elif not isinstance(value, list):
            found[str(name)] = str(value)
    return found


def _filled(value: Any, known: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: known.get(match[1], match[0]), value)
    if isinstance(value, Mapping):
        return {key: _filled(each, known) for key, each in value.items()}
    return [_filled(each, known) for each in value] if isinstance(value, list) else value


def _provider(activity: Any, draft: Draft) -> tuple[str, str, Keys] | None:
    """(name, what it calls, its arguments)."""
    provider = activity.get("provider") if isinstance(activity, Mapping) else None
    if not isinstance(provider, Mapping):
        draft.missing.append(f"{activity!r}: an activity without provider")
        return None
    name = str(activity.get("name", ""))
    if activity.get("controls"):
        draft.missing.append(f"{name}: controls have no counterpart")
    if provider.get("type") != "python":
        return name, str(provider.get("type")), Keys(provider, f"{name}: ")
    called = f"{provider.get('module')}.{provider.get('func')}"
    return name, called, Keys(provider.get("arguments") or {}, f"{name}: ")


def _probe(probe: Any, draft: Draft) -> None:
    """Translate a probe of the hypothesis: sent before and after."""
    found = _provider(probe, draft)
    if found is None:
        return
    name, called, keys = found
    if called == "http":
        _http(name, keys, probe.get("tolerance"), draft)
    elif (ready := _ready(called, keys, draft)) is not None:
        draft.given.append({**ready, "within": "60s"})
        draft.then.append({**ready, "within": translation.RECOVERY})
    else:
        draft.missing.append(f"{name} ({called}): no counterpart; write it under `while` or `then`")


def _http(name: str, keys: Keys, tolerance: Any, draft: Draft) -> None:
    status = tolerance if isinstance(tolerance, int) and not isinstance(tolerance, bool) else 200
    if tolerance is not None and status != tolerance:
        draft.missing.append(f"{name}: tolerance {tolerance!r}; only a status is compared")
    method = keys.text("method").upper() or "GET"
    if asked := probe_of(keys.text("url"), status, draft.missing):
        asked["http"].update(translation.sorted_out({"method": "" if method == "GET" else method}))
        draft.probes.append({**asked, "during": ["before", "after"]})
    keys.take("type", "timeout", "verify_tls", "secrets")
    draft.missing += keys.rest()


_AVAILABLE = re.compile(
    r"chaosk8s\.(?P<room>probes|deployment\.probes|statefulset\.probes|pod\.probes)\."
    r"(?P<func>microservice_available_and_healthy|deployment_available_and_healthy|"
    r"deployment_fully_available|statefulset_fully_available|all_microservices_healthy|"
    r"all_pods_healthy|pods_in_phase|pods_in_conditions|count_pods)"
)


def _ready(called: str, keys: Keys, draft: Draft) -> dict[str, Any] | None:
    match = _AVAILABLE.fullmatch(called)
    if match is None:
        return None
    _place(keys, draft)
    func, name = match["func"], keys.text("name")
    if func.startswith("all_"):
        return {"ready": "all"}
    if func.startswith(("pods_", "count_")):
        pods = translation.labels(keys.take("label_selector"), "label_selector", draft.missing)
        draft.missing += keys.rest("`ready` asks for ready Pods instead") if pods else []
        return {"ready": {"pods": pods}} if pods else None
    kind = "statefulset" if func.startswith("stateful") else "deployment"
    return {"ready": f"{kind}/{name}"} if name else None


def _place(keys: Keys, draft: Draft) -> None:
    space = translation.namespace(keys.text("ns"), "ns", draft.missing)
    if draft.namespace and space and space != draft.namespace:
        draft.missing.append(f"ns={space}: this scenario acts in {draft.namespace}")
    draft.namespace = draft.namespace or space


def _activity(activity: Any, draft: Draft) -> None:
    found = _provider(activity, draft)
    if found is None:
        return
    name, called, keys = found
    pauses = activity.get("pauses") or {}
    before, after = (_pause(pauses, each, draft) for each in ("before", "after"))
    draft.when += before
    if activity.get("type") == "probe":
        _during(name, called, keys, activity, draft)
    elif (act := _ACTIONS.get(called)) is not None:
        act(keys, draft)
        draft.missing += keys.rest()
    else:
        draft.missing.append(f"{name} ({called}): no counterpart")
    draft.when += after


def _pause(pauses: Mapping[str, Any], which: str, draft: Draft) -> list[dict[str, Any]]:
    long = translation.seconds(pauses.get(which, ""), f"pauses.{which}", draft.missing)
    return [{"sleep": long}] if long else []


def _during(name: str, called: str, keys: Keys, activity: Mapping[str, Any], draft: Draft) -> None:
    ready = _ready(called, keys, draft)
    if ready is not None:
        draft.when.append({**ready, "within": translation.RECOVERY})
    else:
        draft.missing.append(f"{name} ({called}): a probe in the method decides nothing; write"
                             " it under `while` or `then`")  # fmt: skip


def _terminate(keys: Keys, draft: Draft) -> None:
    _place(keys, draft)
    missing = draft.missing
    pods = translation.labels(keys.take("label_selector"), "label_selector", missing)
    pattern = keys.text("name_pattern")
    if pattern:
        missing.refuse(f"name_pattern={pattern}: Pods are chosen by their labels")
    if not pods:
        missing.append("no label_selector: write `kill: {pods: LABELS}`")
        return
    share = keys.text("mode") == "percentage"
    many = keys.whole("qty", missing, 1)
    everyone = keys.take("all", default=False) is True
    kill = {
        "pods": pods,
        "count": "all" if everyone else "" if share else many,
        "share": f"{many}%" if share and not everyone else "",
        "grace": translation.seconds(keys.text("grace_period"), "grace_period", missing),
        "order": "oldest" if keys.text("order") == "oldest" else "",
    }
    keys.take("rand")
    draft.when.append({"kill": translation.sorted_out(kill)})
    draft.recovers()


def _microservice(keys: Keys, draft: Draft) -> None:
    """Delete a Deployment with `delete`; the original does not restore it either."""
    _place(keys, draft)
    if name := keys.text("name"):
        draft.when.append({"delete": [f"deployment/{name}"]})
        keys.take("label_selector")


def _scaled(kind: str) -> Callable[[Keys, Draft], None]:
    def scale(keys: Keys, draft: Draft) -> None:
        _place(keys, draft)
        name, replicas = keys.text("name"), keys.text("replicas")
        if not name or not replicas.isdigit():
            draft.missing.append(f"scale needs a name and a number, not {name!r} and {replicas!r}")
            return
        draft.when.append({"scale": {"workload": f"{kind}/{name}", "replicas": int(replicas)}})

    return scale


def _rollout(keys: Keys, draft: Draft) -> None:
    _place(keys, draft)
    if name := keys.text("name"):
        draft.when.append({"restart": f"deployment/{name}"})


def _on_node(verb: str) -> Callable[[Keys, Draft], None]:
    def act(keys: Keys, draft: Draft) -> None:
        missing = draft.missing
        wanted = translation.labels(keys.take("label_selector"), "label_selector", missing)
        running = translation.labels(keys.take("pod_label_selector"), "pod_label_selector", missing)
        _place(keys, draft)
        if space := keys.text("pod_namespace"):
            draft.namespace = draft.namespace or translation.namespace(space, "pod_namespace",
                                                                       missing)  # fmt: skip
        count = keys.whole("count", missing, 1)
        name = keys.text("name")
        if why := translation.placeholder(name, "name"):
            missing.refuse(why)
            return
        query = {"labels": wanted, "running": running}
        if not name and not wanted and not running:
            missing.append(f"{verb} without a name or a selector would mean all nodes: name one")
            return
        node = name or translation.sorted_out({**query, "count": count})
        more = {"empty_dir": True} if keys.take("delete_pods_with_local_storage",
                                                default=False) is True else {}  # fmt: skip
        draft.when.append({verb: {"node": node, **(more if verb == "drain" else {})}})
        keys.take("timeout", "first", "rand", "with_delete_option")
        if verb == "drain":
            draft.recovers()

    return act


def _nothing(keys: Keys, draft: Draft) -> None:
    """Not translated: a scenario undoes this at its end."""
    keys.take("name", "label_selector", "ns")


_ACTIONS: Mapping[str, Callable[[Keys, Draft], None]] = {
    "chaosk8s.pod.actions.terminate_pods": _terminate,
    "chaosk8s.pod.actions.delete_pods": _terminate,
    "chaosk8s.actions.kill_microservice": _microservice,
    "chaosk8s.deployment.actions.delete_deployment": _microservice,
    "chaosk8s.deployment.actions.scale_deployment": _scaled("deployment"),
    "chaosk8s.actions.scale_microservice": _scaled("deployment"),
    "chaosk8s.statefulset.actions.scale_statefulset": _scaled("statefulset"),
    "chaosk8s.deployment.actions.rollout_deployment": _rollout,
    "chaosk8s.node.actions.drain_nodes": _on_node("drain"),
    "chaosk8s.node.actions.cordon_node": _on_node("cordon"),
    "chaosk8s.node.actions.uncordon_node": _nothing,
}
