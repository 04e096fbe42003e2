"""krkn: scenario files of Pods, containers, nodes and application outages; config.yaml lists them.

Source: krkn's scenarios/ and krkn/scenario_plugins. Everything else that krkn has (hogs, traffic
shaping, cloud zones, time, PVC fill) acts inside of nodes or clouds and has no counterpart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

from resilience.convert import translation
from resilience.convert.translation import Draft, Keys, Missing, NotOurs, Translation

POD_IDS = frozenset({"kill-pods", "kill_pods"})
STOPS = {
    "node_stop_start_scenario": "node_down",
    "node_stop_scenario": "node_down",
    "node_crash_scenario": "node_down",
    "stop_start_kubelet_scenario": "kubelet",
    "stop_kubelet_scenario": "kubelet",
    "restart_kubelet_scenario": "kubelet",
    "node_reboot_scenario": "reboot",
}
NAMED = {
    "input_list": "hog", "cluster_shut_down_scenario": "cluster shut down",
    "zone_outage": "zone outage", "network_chaos": "traffic shaping", "pvc_scenario": "PVC fill",
    "time_scenarios": "clock skew", "service_hijacking": "service hijacking",
    "managedcluster_scenarios": "managed clusters", "syn_flood": "SYN flood",
    "hog-type": "hog", "service_target_port": "service hijacking", "packet-size": "SYN flood",
    "kubevirt_vm_outage": "virtual machines", "storage_throttle": "slow disks",
    "http_load_scenario": "load", "http_load": "load",
}  # fmt: skip
"""Keys that identify krkn files without a counterpart, and what those do."""


def is_ours(document: Any) -> bool:
    """Whether it is a file of krkn."""
    if isinstance(document, list):
        return any(isinstance(each, Mapping) and "id" in each for each in document)
    return isinstance(document, Mapping) and bool(
        {"kraken", "application_outage", "node_scenarios", "scenarios", *NAMED} & set(document)
    )


def translated(document: Any) -> Translation:
    """A scenario for each entry."""
    made = Translation("krkn")
    if isinstance(document, list):
        for each in document:
            _listed(each, made)
    elif "kraken" in document:
        _config(document, made)
    elif "application_outage" in document:
        _outage(Keys(document["application_outage"], "application_outage."), made)
    elif "node_scenarios" in document:
        for each in _list(document["node_scenarios"], "node_scenarios"):
            _node(Keys(each, "node_scenarios."), made)
    elif "scenarios" in document:
        for each in _list(document["scenarios"], "scenarios"):
            _container(Keys(each, "scenarios."), made)
    else:
        kind = next(what for key, what in NAMED.items() if key in document)
        made.missing.append(f"{kind}: acts inside of nodes or clouds, no counterpart")
    return made


def _list(value: Any, where: str) -> Sequence[Any]:
    if not isinstance(value, list):
        raise NotOurs(f"{where} is {type(value).__name__}, expected a list")
    return value


def _config(document: Mapping[str, Any], made: Translation) -> None:
    """A list of files; each of them is converted separately."""
    kraken = document["kraken"]
    for entry in _list(kraken.get("chaos_scenarios") or [], "kraken.chaos_scenarios"):
        for kind, files in entry.items() if isinstance(entry, Mapping) else ():
            for each in files if isinstance(files, list) else [files]:
                name = each[0] if isinstance(each, list) and each else each
                made.notes.append(f"{kind}: resilience convert {name}")
    for section in ("cerberus", "performance_monitoring", "elastic", "telemetry", "health_checks",
                    "kubevirt_checks", "tunings", "resiliency"):  # fmt: skip
        if section in document:
            made.missing.append(
                f"{section}: no counterpart in a scenario; use a target's `gate`, a probe under "
                "`while` and the report"
            )


def _listed(entry: Any, made: Translation) -> None:
    if not isinstance(entry, Mapping):
        raise NotOurs(f"an entry is {type(entry).__name__}, expected a mapping with id")
    identity = str(entry.get("id", ""))
    if identity not in POD_IDS or "config" not in entry:
        made.missing.append(f"{identity or 'an entry without id'}: no counterpart")
        return
    keys = Keys(entry["config"], "config.")
    draft = Draft("kill Pods")
    missing = draft.missing
    draft.namespace = _namespace(keys, "namespace_pattern", missing)
    if name := keys.text("name_pattern"):
        missing.refuse(f"name_pattern={name}: Pods are chosen by their labels, not by patterns")
    for which in ("node_label_selector", "node_names"):
        if value := keys.take(which):
            missing.refuse(f"{which}={value}: `kill` takes one node by its name")
    pods = translation.labels(keys.take("label_selector"), "label_selector", missing)
    kill = {
        "pods": pods,
        "exclude": translation.labels(keys.take("exclude_label"), "exclude_label", missing),
        "count": keys.whole("kill", missing, 1),
        "grace": "0s" if keys.take("force", default=False) is True else "",
    }
    recovery = translation.seconds(keys.text("krkn_pod_recovery_time"), "krkn_pod_recovery_time",
                                   missing) or "120s"  # fmt: skip
    keys.take("duration", "execution", "timeout")
    _added(draft, "kill", kill, bool(pods), recovery, made)
    missing += keys.rest()


def _namespace(keys: Keys, key: str, missing: Missing) -> str:
    """krkn accepts an empty pattern, which matches every namespace."""
    text = keys.text(key)
    if not text:
        missing.refuse(f"{key}: it names no namespace, and krkn would look in all of them")
    return translation.namespace(text, key, missing)


def _container(keys: Keys, made: Translation) -> None:
    draft = Draft(keys.text("name") or "kill a container")
    missing = draft.missing
    draft.namespace = _namespace(keys, "namespace", missing)
    pods = translation.labels(keys.take("label_selector"), "label_selector", missing)
    action = keys.text("action") or "1"
    if action not in ("9", "SIGKILL"):
        missing.append(
            f"action={action}: `crash` sends SIGKILL, the only signal that always ends process 1"
        )
    crash = {
        "pods": pods,
        "container": keys.text("container_name"),
        "exclude": translation.labels(keys.take("exclude_label"), "exclude_label", missing),
        "count": keys.whole("count", missing, 1),
    }
    recovery = translation.seconds(keys.text("expected_recovery_time", "retry_wait"),
                                   "expected_recovery_time", missing) or "120s"  # fmt: skip
    _added(draft, "crash", crash, bool(pods), recovery, made)
    missing += keys.rest()


def _added(
    draft: Draft, verb: str, choice: dict[str, Any], named: bool, recovery: str, made: Translation
) -> None:
    """Add the step to the scenario, if it is known which Pods it selects."""
    if named:
        draft.when.append({verb: translation.sorted_out(choice)})
        draft.recovers(recovery)
    else:
        draft.missing.append(f"no labels select the Pods: write `{verb}: {{pods: LABELS}}`")
    made.drafts.append(draft)


def _node(keys: Keys, made: Translation) -> None:
    actions = keys.take("actions", default=[])
    common = Missing()
    names = [each.strip() for each in keys.text("node_name").split(",") if each.strip()]
    wanted = translation.labels(keys.take("label_selector"), "label_selector", common)
    count = keys.whole("instance_count", common, 1)
    down = translation.seconds(keys.text("duration"), "duration", common)
    for ignored in ("timeout", "cloud_type", "poll_interval", "kube_check", "parallel", "runs"):
        keys.take(ignored)
    _refuse_exclusions(keys, common)
    common += keys.rest()
    for action in actions if isinstance(actions, list) else [actions]:
        draft = Draft(str(action).replace("_", " "), missing=copy(common))
        made.drafts.append(draft)
        verb = STOPS.get(str(action))
        queries: list[Any] = [*names] or ([{"labels": wanted, "count": count}] if wanted else [])
        if verb is None:
            draft.missing.append(f"{action}: no counterpart")
        elif not queries:
            draft.missing.append("no node_name and no label_selector")
        else:
            draft.when += [_stopped(verb, each, down, draft.missing) for each in queries]
            draft.recovers()
    made.notes.append("nodes: `nodes = true` and a `driver` in the target stop and start machines")


def _refuse_exclusions(keys: Keys, missing: Missing) -> None:
    """Refuse exclusions that the counterpart cannot express: without them more objects would be
    affected."""
    for name in ("exclude_label", "exclude_labels"):
        if value := keys.take(name):
            missing.refuse(
                f"{name}={value}: exclusions are not possible here, and more objects would be "
                "affected"
            )


def _stopped(verb: str, node: Any, down: str, missing: Missing) -> dict[str, Any]:
    if verb == "reboot":
        return {"reboot": {"node": node}}
    if verb == "kubelet":  # a machine is started again at the end of the scenario
        return {"node_down": {"node": node, **translation.without_kubelet(down, missing)}}
    return {"node_down": {"node": node}}


def _outage(keys: Keys, made: Translation) -> None:
    draft = Draft("an application outage")
    missing = draft.missing
    draft.namespace = _namespace(keys, "namespace", missing)
    pods = translation.labels(keys.take("pod_selector"), "pod_selector", missing)
    block = [str(each).lower() for each in keys.take("block", default=["Ingress", "Egress"])]
    direction = block[0] if len(set(block)) == 1 else "both"
    partition = {
        "pods": pods,
        "direction": direction,
        "duration": translation.seconds(keys.text("duration"), "duration", missing),
    }
    _refuse_exclusions(keys, missing)
    missing += keys.rest()
    if pods:
        draft.when.append({"partition": translation.sorted_out(partition)})
        draft.then.append({"ready": {"pods": pods}, "within": translation.RECOVERY})
    else:
        missing.append("no pod_selector: `partition` needs labels of Pods")
    made.drafts.append(draft)
