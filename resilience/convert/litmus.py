"""Litmus: ChaosEngines, also inside of Argo Workflows and a list of documents.

Source: litmus-go's experiments (names and environment variables), chaos-charts' engines.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import yaml

from resilience.convert import translation
from resilience.convert.documents import documents
from resilience.convert.translation import Draft, Keys, Translation
from resilience.convert.urls import probe_of

KIND = "ChaosEngine"


def engines(document: Any) -> Iterator[Mapping[str, Any]]:
    """Every engine in it, at any depth, also one in the text of a workflow's artifact."""
    if isinstance(document, Mapping):
        spec = document.get("spec")
        if document.get("kind") == KIND and isinstance(spec, Mapping) and "experiments" in spec:
            yield document
            return
        for value in document.values():
            yield from engines(value)
    elif isinstance(document, list):
        for each in document:
            yield from engines(each)
    elif isinstance(document, str) and f"kind: {KIND}" in document:
        try:
            inner = documents(document)
        except (yaml.YAMLError, ValueError, RecursionError):
            return
        yield from engines([each for each in inner if not isinstance(each, str)])


def translated(found: list[Mapping[str, Any]]) -> Translation:
    """A scenario for each experiment of each engine."""
    made = Translation("Litmus")
    for engine in found:
        spec = engine.get("spec") or {}
        for experiment in spec.get("experiments") or ():
            made.drafts.append(_draft(engine, spec, experiment, made))
    return made


def _draft(
    engine: Mapping[str, Any], spec: Mapping[str, Any], experiment: Any, made: Translation
) -> Draft:
    keys = Keys(experiment, "experiments.")
    name = keys.text("name")
    inner = Keys(keys.take("spec", default={}), f"{name}.spec.")
    components = Keys(inner.take("components", default={}), f"{name}.")
    listed = components.take("env", default=[])
    env = Keys({str(each.get("name")): each.get("value") for each in listed
                if isinstance(each, Mapping)}, f"{name}: ")  # fmt: skip
    draft = Draft(f"{name} of {_name(engine)}")
    missing = draft.missing
    app = Keys(spec.get("appinfo") or {}, "appinfo.")
    space = app.text("appns") or str((engine.get("metadata") or {}).get("namespace") or "")
    draft.namespace = translation.namespace(space.strip(), "appns", missing)
    pods = translation.labels(app.take("applabel"), "applabel", missing)
    app.take("appkind")
    _experiment(name, pods, env, draft, made)
    for probe in inner.take("probe", default=[]):
        _probe(Keys(probe, f"{name}.probe."), draft)
    for ignored in ("RAMP_TIME", "SEQUENCE", "CHAOS_NAMESPACE", "CONTAINER_RUNTIME", "SOCKET_PATH",
                    "LIB", "LIB_IMAGE", "DEFAULT_HEALTH_CHECK", "INSTANCE_ID"):  # fmt: skip
        env.take(ignored)
    missing += [*env.rest(), *components.rest()]
    return draft


def _name(engine: Mapping[str, Any]) -> str:
    metadata = engine.get("metadata") or {}
    text = str(metadata.get("name") or metadata.get("generateName") or "an engine")
    return "an engine" if translation.placeholder(text, "name") else text


def _experiment(name: str, pods: str, env: Keys, draft: Draft, made: Translation) -> None:
    missing = draft.missing
    whole = env.whole("TOTAL_CHAOS_DURATION", missing, 0)
    every = env.whole("CHAOS_INTERVAL", missing, 0)
    if name in ("pod-delete", "container-kill"):
        _pods(name, pods, env, draft, whole, every)
    elif name in ("node-drain", "node-taint", "node-restart", "kubelet-service-kill",
                  "docker-service-kill", "node-poweroff"):  # fmt: skip
        _node(name, env, draft, whole, made)
    elif name == "pod-network-partition":
        _partition(pods, env, draft, whole)
    elif name == "pod-autoscaler":
        _scale(pods, env, draft)
    else:
        missing.append(f"{name}: no counterpart")


def _pods(name: str, pods: str, env: Keys, draft: Draft, whole: int, every: int) -> None:
    missing = draft.missing
    named = [each.strip() for each in env.text("TARGET_PODS").split(",") if each.strip()]
    share = env.whole("PODS_AFFECTED_PERC", missing, 0)
    verb = "kill" if name == "pod-delete" else "crash"
    force = env.text("FORCE").lower() == "true"
    for each in named:
        if why := translation.placeholder(each, "TARGET_PODS"):
            missing.refuse(why)
    choice = {
        "pods": "" if named else pods,
        "container": env.text("TARGET_CONTAINER") if verb == "crash" else "",
        "share": f"{share}%" if 0 < share <= 100 else "",
        "grace": "0s" if force and verb == "kill" else "",
    }
    node = env.text("NODE_LABEL")
    if node:
        missing.refuse(f"NODE_LABEL={node}: Pods are chosen by their own labels")
    if (signal := env.text("SIGNAL").upper()) not in ("", "SIGKILL", "9"):
        missing.append(f"SIGNAL={signal}: `crash` sends SIGKILL")
    if not named and not pods:
        missing.append(f"neither applabel nor TARGET_PODS: write `{verb}: {{pods: LABELS}}`")
        return
    steps = [{verb: translation.sorted_out({**choice, "name": each})} for each in named] or [
        {verb: translation.sorted_out(choice)}]  # fmt: skip
    draft.when += _repeated(steps, whole, every)
    draft.recovers()


def _repeated(steps: list[dict[str, Any]], whole: int, every: int) -> list[dict[str, Any]]:
    """Repeat as often as the interval fits into the duration."""
    times = whole // every if every > 0 else 1
    if times <= 1:
        return steps
    return [{"repeat": {"steps": steps, "times": times, "every": f"{every}s"}}]


def _node(name: str, env: Keys, draft: Draft, whole: int, made: Translation) -> None:
    missing = draft.missing
    node: Any = env.text("TARGET_NODE", "TARGET_NODES")
    wanted = translation.labels(env.take("NODE_LABEL"), "NODE_LABEL", missing)
    made.notes.append("nodes: `nodes = true` in the target; node_down and reboot need a `driver`")
    if not node and not wanted:
        missing.append("neither TARGET_NODE nor NODE_LABEL: name a node")
        return
    if why := translation.placeholder(node, "TARGET_NODE"):
        missing.refuse(why)
        return
    query = node or {"labels": wanted, "count": 1}
    down = f"{whole}s" if whole > 0 else ""
    if name == "node-drain":
        draft.when.append({"drain": {"node": query}})
    elif name == "node-restart":
        draft.when.append({"reboot": {"node": query}})
    elif name == "node-taint":
        taint = env.text("TAINTS")
        if not taint:
            missing.append("TAINTS does not say which taint")
            return
        draft.when.append({"taint": {"node": query, "taint": taint}})
    else:
        only = {} if name == "node-poweroff" else translation.without_kubelet(down, missing)
        made.notes.append(f"{name}: as `node_down`" + (" of the kubelet" if only else ""))
        draft.when.append({"node_down": {"node": query, **only}})
    draft.recovers()


def _partition(pods: str, env: Keys, draft: Draft, whole: int) -> None:
    if not pods:
        draft.missing.append("no applabel: write `partition: {pods: LABELS}`")
        return
    policy = env.text("POLICY_TYPES").lower()
    partition = {"pods": pods, "direction": policy if policy in ("ingress", "egress") else "both",
                 "duration": f"{whole}s" if whole > 0 else ""}  # fmt: skip
    draft.when.append({"partition": translation.sorted_out(partition)})
    draft.then.append({"ready": {"pods": pods}, "within": translation.RECOVERY})


def _scale(pods: str, env: Keys, draft: Draft) -> None:
    replicas = env.whole("REPLICA_COUNT", draft.missing, 0)
    draft.missing.append(
        f"pod-autoscaler finds its workload by {pods or 'labels'}: write `scale: {{workload:"
        f" deployment/NAME, replicas: {replicas or 'N'}}}`"
    )


def _probe(keys: Keys, draft: Draft) -> None:
    """HTTP probes are measured throughout; all other kinds are listed."""
    name, kind = keys.text("name"), keys.text("type")
    inputs = keys.take("httpProbe/inputs", "cmdProbe/inputs", "k8sProbe/inputs",
                       "promProbe/inputs", default={})  # fmt: skip
    keys.take("mode", "runProperties", "data")
    url = str(inputs.get("url", "")) if isinstance(inputs, Mapping) else ""
    method = (inputs.get("method") or {}) if isinstance(inputs, Mapping) else {}
    if kind != "httpProbe" or not urlsplit(url).hostname or "post" in method:
        draft.missing.append(f"probe {name} ({kind}): write it under `while` or `then`")
        return
    code = str((method.get("get") or {}).get("responseCode") or "200")
    if code.isdigit():
        asked = probe_of(url, int(code), draft.missing)
        draft.probes += [{**asked, "rate": "2/s", "objective": {"availability": "100%"}}
                         ] if asked else []  # fmt: skip
    else:
        draft.missing.append(f"probe {name}: responseCode {code!r}")
