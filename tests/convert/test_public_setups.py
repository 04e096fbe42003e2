"""Setups that people published, rebuilt: what each becomes, or why it becomes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.actions.selection.opt_in import terms
from resilience.convert import detect
from tests.convert.test_detect import valid

NAME = "kubernetes.io/metadata.name"
CONSENT = "resilience/consent=allow"
NOT_SYSTEM = f"{NAME}!=kube-system,{CONSENT}"


def toml(*lines: str, namespaces: str = "") -> str:
    return "\n".join(["[kubemonkey]", namespaces, *lines])


def config_map(text: str) -> str:
    body = "".join(f"    {line}\n" for line in text.splitlines())
    return "apiVersion: v1\nkind: ConfigMap\ndata:\n  config.toml: |\n" + body


HOURS = ("run_hour = 8", "start_hour = 10", "end_hour = 16")

MONKEYS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "README, example config": (
        toml("dry_run = true", *HOURS, "time_zone = \"America/New_York\"",
             namespaces="blacklisted_namespaces = [\"kube-system\"]"),
        NOT_SYSTEM, ('windows = ["* 10-15 * * mon-fri"]', 'timezone = "America/New_York"')),
    "examples/debug-mode-configmap": (
        config_map(toml("run_hour = 20", "start_hour = 21", "end_hour = 23", "graceperiod_sec= 10",
                        "[debug]", "enabled= true", "schedule_immediate_kill= true",
                        namespaces="whitelisted_namespaces = [\"default\"]")),
        f"{NAME}=default", ("debug.schedule_immediate_kill=True", "* 21-22 * * mon-fri")),
    "examples/notifications-configmap": (
        config_map(toml("start_hour = 21", "end_hour = 23", "[notifications]", "enabled = true",
                        "[notifications.attacks]", "endpoint = \"test1\"",
                        namespaces="whitelisted_namespaces = [ \"default\", \"test\" ]")),
        f"{NAME} in (default,test)", ("notifications.attacks",)),
    "examples/custom-resources-configmap": (
        config_map(toml(*HOURS, "[[kubemonkey.custom_resources]]", "group = \"postgresql.cnpg.io\"",
                        "resource = \"clusters\"")),
        NOT_SYSTEM, ("custom_resources: Pods of clusters opt in",)),
    "docs/configuration, all namespaces and no blacklist": (
        toml("blacklisted_namespaces = [\"\"]", "whitelisted_namespaces = [\"\"]"), CONSENT, ()),
    "docs/configuration, a star": (toml("whitelisted_namespaces = [\"*\"]"), NOT_SYSTEM, ()),
    "docs/configuration, patterns": (
        toml("whitelisted_namespaces = [\"team-?\"]"), "", ("a pattern of namespaces, 'team-?'",)),
    "docs/configuration, a pattern that excludes": (
        toml("blacklisted_namespaces = [\"*-prod\"]"), "", ("a pattern of namespaces, '*-prod'",)),
    "docs/configuration, environment variables": (
        "spec: {template: {spec: {containers: [{name: monkey, env: ["
        "{name: KUBEMONKEY_DRY_RUN, value: 'false'}, {name: KUBEMONKEY_START_HOUR, value: '9'},"
        " {name: KUBEMONKEY_END_HOUR, value: '17'},"
        " {name: KUBEMONKEY_WHITELISTED_NAMESPACES, value: 'shop,bank'}]}]}}}",
        f"{NAME} in (bank,shop)", ("* 9-16 * * mon-fri",)),
    "docs/helm-chart, values with days": (
        "image: {repository: ayushsobti/kube-monkey}\nconfig: {dryRun: false, runDays: [mon, wed,"
        " fri], runHour: 10, startHour: 11, endHour: 17, whitelistedNamespaces: [namespace1],"
        " blacklistedNamespaces: [kube-system], debug: {enabled: true}}",
        f"{NAME}=namespace1", ("* 11-16 * * mon,wed,fri", "debug.enabled=True")),
    "README, the API server's address": (
        toml("whitelisted_namespaces = [\"a\"]", "[kubernetes]", "host=\"https://k8s.test:443\""),
        f"{NAME}=a", ("kubernetes.host=https://k8s.test:443: --resilience-context",)),
    "issue 78: no whitelist": (
        toml("dry_run = false", "run_hour = 9", "start_hour = 10", "end_hour = 18",
             "graceperiod_sec = 120", "[debug]", "force_should_kill = true",
             namespaces="blacklisted_namespaces = [\"kube-system\",\"kube-chaos\"]"),
        f"{NAME} notin (kube-chaos,kube-system),{CONSENT}", ("debug.force_should_kill=True",)),
    "a guide: the same namespace in both lists": (
        toml("whitelisted_namespaces = [\"a\"]", "blacklisted_namespaces = [\"a\"]"),
        "", ("is in blacklisted_namespaces",)),
    "a guide: keys that kube-monkey never had": (
        toml("cluster_dns_name = \"cluster.local\"", "whitelisted_namespaces = [\"production\"]"),
        f"{NAME}=production", ("kubemonkey.cluster_dns_name=cluster.local: no counterpart",)),
}  # fmt: skip


@pytest.mark.parametrize("case", MONKEYS)
def test_public_kube_monkey_setups_are_converted(case: str) -> None:
    text, namespaces, told = MONKEYS[case]
    made = detect.translated(text)
    kills = [step["kill"] for document in valid(made) for step in document["when"]]
    assert [kill["namespaces"] for kill in kills] == ([namespaces] if namespaces else [])
    assert all(kill["opted_in"] for kill in kills)
    for each in told:
        assert any(each in line for line in (*made.all_missing, *made.notes)), each


def chaoskube_pod(*arguments: str) -> str:
    listed = "".join(f"\n        - {each}" for each in arguments)
    container = (
        f"name: chaoskube\n        image: quay.io/linki/chaoskube:v0.14.0\n        args:{listed}"
    )
    return f"spec:\n  template:\n    spec:\n      containers:\n      - {container}"


NEW_CHART = (
    "chaoskube: {env: {}, args: {interval: 10m, labels: environment=test, annotations:"
    " chaos.alpha.kubernetes.io/enabled=true, kinds: '!DaemonSet', namespaces: '!kube-system',"
    " excluded-weekdays: 'Sat,Sun', timezone: UTC, minimum-age: 1h,"
    " termination-frequency-annotation: chaos.alpha.kubernetes.io/frequency, no-dry-run: ''}}"
)
OPTED = "chaos.alpha.kubernetes.io/enabled=true"
EVERY = {"one_per": "owner", "count": 1}

CHAOSKUBES: dict[str, tuple[str, dict[str, Any] | None, str]] = {
    "examples/chaoskube.yaml": (
        chaoskube_pod("--interval=10m", "--labels=environment=test", f"--annotations={OPTED}",
                      "--namespaces=!kube-system", "--minimum-age=1h", "--no-dry-run"),
        {"namespaces": NOT_SYSTEM, "pods": "environment=test", "annotations": OPTED,
         "min_age": "1h"}, "--interval=10m: resilience watch --every 10m FILE"),
    "issue 202: what the old chart renders": (
        chaoskube_pod("--interval=10m", "--labels=", "--annotations=", "--namespaces=",
                      "--no-dry-run", "--excluded-weekdays=", "--timezone=UTC", "--minimum-age=0s",
                      "--grace-period=-1s", "--metrics-address="),
        {"namespaces": CONSENT}, "acts in every namespace"),
    "issue 213: everything but itself": (
        chaoskube_pod("--interval=15m", "--labels=app!=chaoskube", "--namespaces=my-namespace",
                      "--no-dry-run"),
        {"namespaces": f"{NAME}=my-namespace", "pods": "app!=chaoskube"}, "--every 15m"),
    "the chart's default values": (
        NEW_CHART, {"namespaces": NOT_SYSTEM, "pods": "environment=test", "annotations": OPTED,
                    "kinds": ["!daemonset"], "min_age": "1h"},
        "termination-frequency-annotation"),
    "the values of stable/chaoskube": (
        "name: chaoskube\nimage: quay.io/linki/chaoskube\ninterval: 10m\ndryRun: false\n"
        "labels: stage!=production\nnamespaces: '!kube-system,!production'\nexcludedWeekdays:\n",
        {"namespaces": f"{NAME} notin (kube-system,production),{CONSENT}",
         "pods": "stage!=production"}, "--every 10m"),
    "a tutorial: helm install --set": (
        "helm install stable/chaoskube --version 0.6.1 --set interval=1m,dryRun=false,"
        "labels=app=kafka",
        {"namespaces": CONSENT, "pods": "app=kafka"}, "--every 1m"),
    "a tutorial: helm and its name": (
        "helm install my cloudnativeapp/chaoskube --set namespaces=shop --set rbac.create=true",
        None, "--rbac.create"),
    "a script: docker run": (
        "docker run --name=chaoskube -v ~/.kube/config:/kube/config quay.io/linki/chaoskube:latest"
        " --kubeconfig=/kube/config --namespaces=default --no-dry-run --interval=15s",
        {"namespaces": f"{NAME}=default"}, "--resilience-kubeconfig"),
    "a script: variables that a shell fills in": (
        "chaoskube \\\n  --no-dry-run \\\n  --labels=\"service!=chaoskube\" \\\n"
        "  --namespaces=${NAMESPACE} \\\n  --excluded-weekdays=\"Sat,Sun\"",
        None, "is still a placeholder"),
    "README: names by a pattern": (
        "chaoskube --included-pod-names 'foo|bar' --excluded-pod-names 'prod'",
        None, "--included-pod-names=foo|bar"),
    "README: several flags": (
        "chaoskube --labels 'app=mate,chaos,stage!=production' --annotations"
        " '!scheduler.alpha.kubernetes.io/critical-pod' --namespaces '!kube-system,!production'",
        {"namespaces": f"{NAME} notin (kube-system,production),{CONSENT}",
         "pods": "app=mate,chaos,stage!=production",
         "annotations": "!scheduler.alpha.kubernetes.io/critical-pod"}, "--no-dry-run"),
    "a guide: a flag that chaoskube never had": (
        chaoskube_pod("--interval=10m", "--dry-run=false", "--metrics-addr=0.0.0.0:8080",
                      f"--annotation-selector={OPTED}"),
        None, "--annotation-selector"),
    "a fork: intervals that change": (
        "chaoskube --namespaces staging --dynamic-interval --dynamic-factor=1.5",
        {"namespaces": f"{NAME}=staging"}, "--dynamic-factor=1.5: no counterpart"),
}  # fmt: skip


@pytest.mark.parametrize("case", CHAOSKUBES)
def test_public_chaoskube_setups_are_converted(case: str) -> None:
    text, kill, told = CHAOSKUBES[case]
    made = detect.translated(text)
    found = [step["kill"] for document in valid(made) for step in document["when"]]
    assert found == ([{**kill, **EVERY}] if kill else [])
    assert any(told in line for line in (*made.all_missing, *made.notes)), made


LABELS: dict[str, tuple[dict[str, str], dict[str, str], str]] = {
    "docs/opting-in: on the workload alone": (
        {"enabled": "enabled", "identifier": "monkey-victim", "mtbf": "2", "kill-mode": "fixed",
         "kill-value": "1"}, {}, "2d fixed 1"),
    "docs/opting-in: every two hours": (
        {"enabled": "enabled", "identifier": "a", "mtbf": "2h"}, {"identifier": "a"}, "2h  0"),
    "pull request 168: minutes": (
        {"enabled": "enabled", "identifier": "a", "mtbf": "30m"}, {}, "30m  0"),
    "pull request 33: all": (
        {"enabled": "enabled", "identifier": "a", "mtbf": "1", "kill-mode": "kill-all"},
        {"enabled": "enabled", "identifier": "a"}, "1d kill-all 0"),
    "a guide: enabled is true": ({"enabled": "true", "identifier": "a", "mtbf": "2"}, {}, ""),
    "a guide: no identifier": ({"enabled": "enabled", "mtbf": "2"}, {}, ""),
    "issue 80: on the Pods alone": ({}, {"enabled": "enabled", "identifier": "a", "mtbf": "2"}, ""),
    "another pool of Pods": (
        {"enabled": "enabled", "identifier": "a", "mtbf": "2"}, {"identifier": "b"}, ""),
}  # fmt: skip


@pytest.mark.parametrize("case", LABELS)
def test_public_kube_monkey_labels_are_read(case: str) -> None:
    workload, pod, expected = LABELS[case]
    both = ({f"kube-monkey/{key}": text for key, text in each.items()} for each in (workload, pod))
    found = terms(*({"metadata": {"labels": labels}} for labels in both))
    assert (f"{found.mtbf} {found.mode} {found.value}" if found else "") == expected
