"""Files of five tools: what they become, what is named as missing, and what is never guessed."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from resilience.convert import detect, writing_yaml
from resilience.convert.translation import NotOurs, Translation
from resilience.language import load
from resilience.verbs.catalogue import catalogue

ENGINE = """
apiVersion: litmuschaos.io/v1alpha1
kind: ChaosEngine
metadata: {name: web, namespace: litmus}
spec:
  appinfo: {appns: shop, applabel: app=web, appkind: deployment}
  experiments:
    - name: %s
      spec: {components: {env: [%s]}}
"""


def engine(name: str, **env: str) -> str:
    listed = ", ".join(f"{{name: {key}, value: {value!r}}}" for key, value in env.items())
    return ENGINE % (name, listed)


def toolkit(func: str, hypothesis: str = "[]", **arguments: Any) -> str:
    module, _, name = func.rpartition(".")
    provider = {"type": "python", "module": module, "func": name, "arguments": arguments}
    method = [{"type": "action", "name": "act", "provider": provider}]
    return yaml.safe_dump({"title": "it holds", "method": method, "steady-state-hypothesis": {
        "title": "fine", "probes": yaml.safe_load(hypothesis)}})  # fmt: skip


def krkn_pods(**config: Any) -> str:
    return yaml.safe_dump([{"id": "kill-pods", "config": config}])


def krkn_node(**entry: Any) -> str:
    return yaml.safe_dump({"node_scenarios": [entry]})


NAME = "kubernetes.io/metadata.name"
BECOME: dict[str, tuple[str, str, Any]] = {
    "chaoskube line": (
        "chaoskube --no-dry-run --namespaces=shop,bank --labels 'app=web' --max-kill=2"
        " --grace-period=0s --minimum-age 6h",
        "", {"kill": {"namespaces": f"{NAME} in (bank,shop)", "pods": "app=web", "min_age": "6h",
                      "one_per": "owner", "count": 2, "grace": "0s"}}),
    "chaoskube manifest": (
        "apiVersion: apps/v1\nkind: Deployment\nspec: {template: {spec: {containers: [{name: c,"
        " image: linki/chaoskube:1, args: ['--kinds=ReplicaSet,!DaemonSet',"
        " '--namespaces=!kube-system'], env: [{name: CHAOSKUBE_LABELS, value: a=b}]}]}}}",
        "", {"kill": {"namespaces": f"{NAME}!=kube-system,resilience/consent=allow", "pods": "a=b",
                      "kinds": ["deployment", "!daemonset"], "one_per": "owner", "count": 1}}),
    "chaoskube chart": (
        "chaoskube: {args: {namespaces: shop, no-dry-run: '', annotations: c/d=true}}",
        "", {"kill": {"namespaces": f"{NAME}=shop", "annotations": "c/d=true", "one_per": "owner",
                      "count": 1}}),
    "chaoskube of one namespace": (
        "chaoskube --no-dry-run --client-namespace-scope shop --labels a=b",
        "", {"kill": {"namespaces": f"{NAME}=shop", "pods": "a=b", "one_per": "owner",
                      "count": 1}}),
    "kube-monkey": (
        "[kubemonkey]\ndry_run = false\nwhitelisted_namespaces = ['shop']\ngraceperiod_sec = 0\n",
        "", {"kill": {"namespaces": f"{NAME}=shop", "opted_in": True, "grace": "0s"}}),
    "krkn Pods": (
        krkn_pods(namespace_pattern="^shop$", label_selector="app=web", kill=2,
                  krkn_pod_recovery_time=60, exclude_label="canary"),
        "shop", {"kill": {"pods": "app=web", "exclude": "canary", "count": 2}}),
    "krkn container": (
        "scenarios: [{name: c, namespace: shop, label_selector: app=web, container_name: web,"
        " action: 9, count: 1}]",
        "shop", {"crash": {"pods": "app=web", "container": "web", "count": 1}}),
    "krkn node": (
        krkn_node(actions=["node_reboot_scenario"], label_selector="pool=a", instance_count=1),
        "", {"reboot": {"node": {"labels": "pool=a", "count": 1}}}),
    "krkn kubelet": (
        krkn_node(actions=["stop_start_kubelet_scenario"], node_name="node-1", duration=90),
        "", {"node_down": {"node": "node-1", "only": "kubelet", "duration": "90s"}}),
    "krkn outage": (
        "application_outage: {namespace: shop, pod_selector: {app: web}, block: [Ingress],"
        " duration: 60}",
        "shop", {"partition": {"pods": "app=web", "direction": "ingress", "duration": "60s"}}),
    "litmus delete": (
        engine("pod-delete", TOTAL_CHAOS_DURATION="30", CHAOS_INTERVAL="10", FORCE="true",
               PODS_AFFECTED_PERC="50"),
        "shop", {"repeat": {"steps": [{"kill": {"pods": "app=web", "share": "50%", "grace": "0s"}}],
                            "times": 3, "every": "10s"}}),
    "litmus one Pod": (
        engine("pod-delete", TARGET_PODS="web-0"), "shop", {"kill": {"name": "web-0"}}),
    "litmus container": (
        engine("container-kill", TARGET_CONTAINER="web"),
        "shop", {"crash": {"pods": "app=web", "container": "web"}}),
    "litmus drain": (
        engine("node-drain", TARGET_NODE="node-1"), "shop", {"drain": {"node": "node-1"}}),
    "litmus taint": (
        engine("node-taint", NODE_LABEL="pool=a", TAINTS="k=v:NoExecute"),
        "shop", {"taint": {"node": {"labels": "pool=a", "count": 1}, "taint": "k=v:NoExecute"}}),
    "litmus partition": (
        engine("pod-network-partition", TOTAL_CHAOS_DURATION="60", POLICY_TYPES="egress"),
        "shop", {"partition": {"pods": "app=web", "direction": "egress", "duration": "60s"}}),
    "toolkit terminate": (
        toolkit("chaosk8s.pod.actions.terminate_pods", label_selector="app=web", ns="shop",
                mode="percentage", qty=30, grace_period=0),
        "shop", {"kill": {"pods": "app=web", "share": "30%"}}),
    "toolkit all": (
        toolkit("chaosk8s.pod.actions.terminate_pods", label_selector="app=web", all=True),
        "", {"kill": {"pods": "app=web", "count": "all"}}),
    "toolkit drain": (
        toolkit("chaosk8s.node.actions.drain_nodes", name="node-1",
                delete_pods_with_local_storage=True),
        "", {"drain": {"node": "node-1", "empty_dir": True}}),
    "toolkit scale": (
        toolkit("chaosk8s.deployment.actions.scale_deployment", name="web", replicas=0, ns="shop"),
        "shop", {"scale": {"workload": "deployment/web", "replicas": 0}}),
}  # fmt: skip


def valid(made: Translation) -> list[dict[str, Any]]:
    """The documents that are written, each of which the language takes."""
    verbs = catalogue()
    texts = writing_yaml.files(made, "theirs")
    loaded = [load(Path(name), text.encode(), verbs, {}) for name, text in texts.items()]
    assert [str(problem) for each in loaded for problem in each.problems] == []
    return [yaml.safe_load(text) for text in texts.values()]


@pytest.mark.parametrize("case", BECOME)
def test_what_has_a_counterpart_becomes_a_valid_scenario(case: str) -> None:
    text, namespace, step = BECOME[case]
    [document] = valid(detect.translated(text))
    assert document["when"] == [step]
    assert document.get("namespace", "") == namespace
    assert "then" in document


MISSING: dict[str, tuple[str, int, str]] = {
    "a pattern of names would mean more Pods without it": (
        krkn_pods(namespace_pattern="^shop$", label_selector="app=web", name_pattern="^web-.*$"),
        0, "name_pattern=^web-.*$"),
    "a pattern of namespaces": (
        krkn_pods(namespace_pattern="^(a|b)$", label_selector="app=web"), 0, "is a pattern"),
    "an empty pattern, which matches every namespace": (
        krkn_pods(namespace_pattern="", label_selector="app=web"), 0, "it names no namespace"),
    "a container in no namespace": (
        "scenarios: [{name: c, label_selector: app=web, container_name: web, action: 9}]",
        0, "it names no namespace"),
    "an outage in no namespace": (
        "application_outage: {pod_selector: {app: web}, block: [Ingress]}",
        0, "it names no namespace"),
    "values that chaoskube's chart does not read": (
        "chaoskube: {args: {interval: 1m}}\nnamespaces: test-namespace\nlabels: app=test\n",
        0, "--namespaces, which the chart only reads in chaoskube.args=test-namespace"),
    "an exclusion that cannot be read": (
        krkn_pods(namespace_pattern="shop", label_selector="app=web", exclude_label="a b"),
        0, "exclude_label: 'a b' is not a label selector"),
    "a placeholder": (
        "application_outage: {namespace: <namespace>, pod_selector: {app: web}}",
        0, "is still a placeholder"),
    "a template": (engine("pod-delete", TARGET_PODS="{{ pod }}"), 0, "is still a placeholder"),
    "no Pods named": (engine("pod-delete").replace("applabel: app=web, ", ""), 0,
                      "neither applabel nor TARGET_PODS"),
    "no node named would mean all": (
        toolkit("chaosk8s.node.actions.drain_nodes"), 0, "would mean all nodes"),
    "included names of chaoskube": (
        "chaoskube --no-dry-run --included-pod-names=^web", 0, "--included-pod-names=^web"),
    "labels of chaoskube that are none": ("chaoskube --labels='a ? b'", 0, "not a label selector"),
    "an exclusion of krkn's outage": (
        "application_outage: {namespace: shop, pod_selector: {app: web}, exclude_label: 'a=b'}",
        0, "exclude_label=a=b"),
    "an exclusion of krkn's nodes": (
        krkn_node(actions=["node_reboot_scenario"], label_selector="pool=a", exclude_label="a=b"),
        0, "exclude_label=a=b"),
    "a fault of another kind": (engine("pod-network-latency"), 0, "pod-network-latency"),
    "an unknown variable": (engine("pod-delete", NEW_THING="5"), 1, "NEW_THING=5: no counterpart"),
    "an unknown flag": ("chaoskube --slack-webhook=https://h", 1, "--slack-webhook=https://h"),
    "an unknown key": (krkn_pods(namespace_pattern="shop", label_selector="a=b", new=5),
                       1, "config.new=5"),
    "another signal": (engine("container-kill", SIGNAL="SIGTERM"), 1, "SIGNAL=SIGTERM"),
    "a kubelet that is down for seconds": (
        krkn_node(actions=["stop_kubelet_scenario"], node_name="a", duration=20), 1,
        "duration=20s: the kubelet stays down for 1m to 3m"),
    "a function of their own": (toolkit("mine.actions.break_it"), 0, "mine.actions.break_it"),
    "a debug table": ("[kubemonkey]\n[debug]\nenabled = true\n", 1, "debug.enabled=True"),
    "cloud zones": ("zone_outage: [{cloud_type: aws}]", 0, "zone outage"),
    "numbers that are none": (engine("pod-delete", CHAOS_INTERVAL="30s"), 1,
                              "CHAOS_INTERVAL: '30s' is not a number"),
}  # fmt: skip


@pytest.mark.parametrize("case", MISSING)
def test_what_has_none_is_named_and_never_widens_the_choice(case: str) -> None:
    text, scenarios, named = MISSING[case]
    made = detect.translated(text)
    assert len(valid(made)) == scenarios
    assert any(named in line for line in made.all_missing), made.all_missing


def test_a_steady_state_is_asked_before_and_after() -> None:
    url = "http://web.shop.svc.cluster.local:8080/healthz"
    hypothesis = (f"[{{type: probe, name: up, tolerance: 200, provider: {{type: http, url: '{url}'"
                  "}}, {type: probe, name: ready, tolerance: true, provider: {type: python, module:"
                  " chaosk8s.deployment.probes, func: deployment_available_and_healthy,"
                  " arguments: {name: web, ns: shop}}}]")  # fmt: skip
    [document] = valid(
        detect.translated(
            toolkit(
                "chaosk8s.pod.actions.terminate_pods",
                hypothesis,
                label_selector="app=web",
                ns="shop",
            )
        )
    )
    assert document["while"] == [
        {
            "http": {
                "service": "web",
                "namespace": "shop",
                "port": 8080,
                "path": "/healthz",
                "status": 200,
            },
            "during": ["before", "after"],
        }
    ]
    assert {"ready": "deployment/web", "within": "60s"} in document["given"]


def test_engines_are_found_inside_of_workflows() -> None:
    workflow = {"kind": "Workflow", "spec": {"templates": [
        {"inputs": {"artifacts": [{"raw": {"data": engine("pod-delete")}}]}}]}}  # fmt: skip
    [document] = valid(detect.translated(yaml.safe_dump(workflow)))
    assert document["when"] == [{"kill": {"pods": "app=web"}}]


def test_configuration_of_chaos_toolkit_fills_variables() -> None:
    text = toolkit("chaosk8s.pod.actions.terminate_pods", label_selector="app=${app}", ns="${ns}")
    body = yaml.safe_load(text) | {"configuration": {
        "app": "web", "ns": {"type": "env", "key": "NS", "default": "shop"}}}  # fmt: skip
    [document] = valid(detect.translated(yaml.safe_dump(body)))
    assert (document["namespace"], document["when"][0]["kill"]["pods"]) == ("shop", "app=web")


def test_a_list_of_files_says_which_to_convert_next() -> None:
    made = detect.translated("kraken: {chaos_scenarios: [{pod_disruption_scenarios: [a.yml]}]}")
    assert "pod_disruption_scenarios: resilience convert a.yml" in made.notes


@pytest.mark.parametrize(
    "text",
    ["", "a", "[]", "{}", "3", "a: [", "kind: Deployment", "\x00", "- - -", "{{ .Values.x }}: {",
     "kind: CustomResourceDefinition\nspec: {names: {kind: ChaosEngine}}", "[1, 2]",
     "node_scenarios: 3", "scenarios: {a: 1}", "- {id: kill-pods, config: 3}",
     "kraken: {chaos_scenarios: 5}", "[section]\nkey = 1", "echo chaoskube is a tool"],
)  # fmt: skip
def test_what_is_none_of_their_files_is_said_so(text: str) -> None:
    made = None
    with suppress(NotOurs):
        made = detect.translated(text)
    assert made is None or not made.whole


def _aliases(levels: int, form: str) -> str:
    lines = ["a0: &a0 {kind: ChaosEngine}"]
    for level in range(1, levels + 1):
        each = ", ".join([f"*a{level - 1}"] * 10)
        lines.append(f"a{level}: &a{level} " + form % each)
    return "\n".join(lines)


@pytest.mark.parametrize("form", ["[%s]", "{<<: [%s]}", "{b: [%s]}"])
def test_a_bomb_of_aliases_is_refused_at_once(form: str) -> None:
    with pytest.raises(NotOurs, match="its aliases make more than"):
        detect.translated(_aliases(12, form))
    inner = yaml.safe_dump({"kind": "Workflow", "data": _aliases(12, form)})
    inner = inner.replace("{kind: ChaosEngine}", "{kind: ChaosEngine, spec: {}}")
    with pytest.raises(NotOurs, match="not a file of"):
        detect.translated(inner)


def test_an_alias_inside_of_itself_is_refused() -> None:
    with pytest.raises(NotOurs, match="inside of what it repeats"):
        detect.translated("a: &a [*a]")


def test_a_few_aliases_are_read() -> None:
    text = "b: &b {namespace: shop, pod_selector: {app: web}}\napplication_outage: {<<: *b}"
    assert len(valid(detect.translated(text))) == 1
