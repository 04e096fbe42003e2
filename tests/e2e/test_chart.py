"""deploy/chart: what helm makes of it, and its CronJobs on a sandbox, each with its own rights."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from resilience.report.machine.metrics import HELP, PREFIX
from tests.e2e.kubectl import FOUND, ROOT, Kubectl
from tests.e2e.pods_of_deploy import (
    CHART,
    HELM,
    Everywhere,
    ended,
    helm_template,
    printed,
    start,
)

pytestmark = pytest.mark.skipif(not HELM, reason="helm cannot be had here")

USES = ("scenarios", "backup", "proof", "drill")


def of_kind(objects: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [each for each in objects if each["kind"] == kind]


@pytest.mark.parametrize("use", USES)
def test_the_rights_of_a_job_are_those_that_its_files_need(use: str) -> None:
    """Print them again with: resilience rbac deploy/chart/files --only USE --without-namespaces
    --service-account resilience:resilience > deploy/chart/rights/USE.yaml"""
    wanted = printed(
        sys.executable, "-m", "resilience", "rbac", "deploy/chart/files", "--only", use,
        "--service-account", "resilience:resilience", "--without-namespaces",
    )  # fmt: skip
    assert (CHART / "rights" / f"{use}.yaml").read_text() == wanted


def test_each_job_has_an_account_of_its_own_and_only_the_drill_may_read_everything() -> None:
    objects = helm_template()
    accounts = {
        each["metadata"]["name"]: each["spec"]["jobTemplate"]["spec"]["template"]["spec"][
            "serviceAccountName"
        ]
        for each in of_kind(objects, "CronJob")
    }
    assert accounts == {f"here-{use}": f"here-{use}" for use in USES}
    wide = {
        each["metadata"]["name"]
        for each in of_kind(objects, "ClusterRole")
        for rule in each["rules"]
        if rule["resources"] == ["*"]
    }
    assert wide == {"pytest-resilience:resilience:here:drill"}
    for binding in (*of_kind(objects, "RoleBinding"), *of_kind(objects, "ClusterRoleBinding")):
        use = binding["metadata"]["name"].rpartition(":")[2]
        assert binding["roleRef"]["name"] == binding["metadata"]["name"]
        assert binding["subjects"] == [
            {"kind": "ServiceAccount", "name": f"here-{use}", "namespace": "resilience"}
        ]


def test_watch_has_an_account_of_its_own_and_keeps_what_it_must_remember() -> None:
    objects = helm_template("watch.enabled=true", "watch.podMonitor=true", "timeZone=UTC")
    (deployment,) = of_kind(objects, "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    environment = {each["name"]: each.get("value") for each in container["env"]}
    assert pod["serviceAccountName"] == "here-watch"
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}
    assert {"--timezone=UTC", "--pause=resilience/pause"} <= {*container["command"]}
    assert environment["RESILIENCE_JOURNAL"].startswith("/reports/")  # outlives the Pod
    assert "RUN" not in environment
    bound = [each["roleRef"]["name"] for each in of_kind(objects, "RoleBinding")
             if each["subjects"][0]["name"] == "here-watch"]  # fmt: skip
    assert {"here-watch-pause", "pytest-resilience:resilience:here:watch"} == {*bound}
    (monitor,) = of_kind(objects, "PodMonitor")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()


def test_two_releases_share_no_object() -> None:
    def names(namespace: str, *values: str) -> set[tuple[str, str, str]]:
        return {
            (each["kind"], each["metadata"].get("namespace", namespace), each["metadata"]["name"])
            for each in helm_template(*values, namespace=namespace)
        }

    here, there = names("team-a"), names("team-b", "createJournalNamespace=false")
    assert not here & there
    assert len(here) > len(there) > 10


def test_the_jobs_of_a_release_with_a_long_name_keep_their_own_names_and_accounts() -> None:
    """Helm allows 53 characters, a CronJob 52 (batch/v1: its Jobs append 11)."""
    for length in (42, 43, 53):
        objects = helm_template(release="r" * length)
        jobs = [each["metadata"]["name"] for each in of_kind(objects, "CronJob")]
        accounts = [each["metadata"]["name"] for each in of_kind(objects, "ServiceAccount")]
        assert len({*jobs}) == len({*accounts}) == len(USES)
        assert max(map(len, jobs)) <= 52
        assert {name.rpartition("-")[2] for name in jobs} == {*USES}
    one, other = (helm_template(release="r" * 52 + end) for end in "ab")
    assert not {each["metadata"]["name"] for each in of_kind(one, "CronJob")} & {
        each["metadata"]["name"] for each in of_kind(other, "CronJob")
    }


@pytest.mark.parametrize("length", range(32, 39))
def test_a_long_name_with_a_dot_is_cut_to_a_name(length: int) -> None:
    """`a.-1f2e3d-backup` is no name: each part of one ends with a letter or digit."""
    for each in of_kind(helm_template(release="r" * length + "." + "s" * 14), "CronJob"):
        parts = each["metadata"]["name"].split(".")
        assert all(re.fullmatch("[a-z0-9]([-a-z0-9]*[a-z0-9])?", part) for part in parts), parts


def test_a_file_in_a_folder_is_not_left_out_silently(tmp_path: Path) -> None:
    chart = tmp_path / "chart"
    shutil.copytree(CHART, chart)
    (chart / "files" / "manifests").mkdir()
    (chart / "files" / "manifests" / "web.yaml").write_text("kind: Deployment\n")
    with pytest.raises(subprocess.CalledProcessError) as refused:
        helm_template(chart=chart)
    assert "files/manifests/web.yaml is in a folder of its own" in refused.value.stderr


def test_what_is_written_survives_an_uninstall() -> None:
    kept = {
        each["kind"]
        for each in helm_template()
        if "helm.sh/resource-policy" in each["metadata"].get("annotations", {})
    }
    assert kept == {"Namespace", "PersistentVolumeClaim"}


def test_one_value_moves_the_journal_and_one_the_time_zone() -> None:
    values = ("journalNamespace=elsewhere", "timeZone=Asia/Tokyo")
    text = yaml.safe_dump_all(helm_template(*values))
    assert "resilience-journal" not in text
    assert "Europe/" not in text
    assert text.count("Asia/Tokyo") >= 2 * len(USES) + 1  # schedules, environment, target
    roles = [each for each in yaml.safe_load_all(text) if each["kind"] == "Role"]
    assert {each["metadata"]["namespace"] for each in roles} == {"elsewhere", "shop"}


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("target.cluster=staging", "cluster"),
        ("target.namespaces={}", "namespaces"),
        ("target.max_pods=2", "max_pods"),
        ("target.windows={9-17}", "windows"),
        ("jobs.drill.schedule=monthly", "schedule"),
        ("jobs.drill.command=pytest", "command"),
        ("jobs.Drill.enabled=true", "jobs"),
        ("watch.every=daily", "every"),
        ("watch.incident=alertmanager", "incident"),
        ("timeZone=Berlin time", "timeZone"),
        ("terminationGracePeriodSeconds=30", "terminationGracePeriodSeconds"),
        ("reports.keep=forever", "keep"),
        ("reports.claim.size=big", "size"),
        ("push.url=pushgateway:9091", "push"),
        ("image.digest=latest", "digest"),
        ("images.tag=1", "images"),
        ("watch.every=0s", "every"),
        ("watch.every=1ms", "every"),
        ("push.secret=Bad_Name", "secret"),
        ("helperImage=a b", "helperImage"),
        ("env[0].value=b", "name"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_name(value: str, complaint: str) -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        helm_template(value)
    assert re.search(complaint, refused.value.stderr)
    assert "Traceback" not in refused.value.stderr


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        (("watch.enabled=true", "watch.files={no.scenario.yaml}"),
         "watch names no.scenario.yaml, which is not in files/"),
        (("jobs.proof.command={pytest,old.plan.yaml::shop-fresh}",),
         "proof names old.plan.yaml, which is not in files/"),
        (("env[0].name=RESILIENCE_CONTEXT", "env[0].value=x"), "RESILIENCE_CONTEXT a second time"),
        (("env[0].name=A", "env[1].name=A"), "env sets A a second time"),
        (("prometheusRule.enabled=true", "prometheusRule.backupJob=no"), "could never fire"),
        (("prometheusRule.enabled=true", "jobs.backup.enabled=false"), "could never fire"),
        (("reports.keep=90d",), "reports.keep needs reports.url"),
        (("reports.claim.enabled=false",), "they would end with the Pod; set store.url"),
    ],
)  # fmt: skip
def test_values_that_contradict_one_another_are_refused(
    values: tuple[str, ...], complaint: str
) -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        helm_template(*values)
    assert complaint in refused.value.stderr


@pytest.mark.parametrize(
    "values",
    [
        ("reports.claim.enabled=false", "store.url=s3://backups/here"),
        ("reports.keep=90d", "reports.url=s3://reports/here"),
        ("jobs.backup.enabled=false", "jobs.proof.command={python,/elsewhere/a.plan.yaml}"),
        ("env[0].name=A", "env[0].value=b", "jobs.drill=null", "prometheusRule.enabled=true"),
    ],
)
def test_values_that_fit_are_not_refused(values: tuple[str, ...]) -> None:
    assert helm_template(*values)


MAY_BE_NULL = (
    "imagePullSecrets", "helperImage", "resources", "nodeSelector", "tolerations", "env", "envFrom",
    "image.tag", "image.digest", "store.url", "reports.url", "reports.keep", "push.url",
    "push.secret", "reports.claim.storageClassName", "serviceAccount.annotations", "target.nodes",
    "watch.incident", "watch.windows", "watch.podMonitor",
    "prometheusRule.labels", "dashboard.labels", "jobs.proof",
)  # fmt: skip
"""Values without which the templates have a sense. A null takes a default away in helm."""


def test_a_default_that_the_templates_need_cannot_be_taken_away() -> None:
    def needed(schema: dict[str, Any], values: dict[str, Any], path: str) -> set[str]:
        found = {f"{path}{key}" for key in values if key not in schema["required"]}
        for key, value in values.items():
            inner = schema["properties"].get(key, {})
            if isinstance(value, dict) and "properties" in inner:
                found |= needed(inner, value, f"{path}{key}.")
        return found

    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert needed(schema, values, "") == {*MAY_BE_NULL} - {"jobs.proof"}
    with pytest.raises(subprocess.CalledProcessError) as refused:
        helm_template("target.windows=null")
    assert "target: windows is required" in refused.value.stderr
    with pytest.raises(subprocess.CalledProcessError) as refused:
        helm_template("target.maxPods=null")  # no limit is 0, and nothing else
    assert "target: maxPods is required" in refused.value.stderr
    wide = ("watch.enabled", "prometheusRule.enabled", "dashboard.enabled")
    nulls = [f"{name}=null" for name in MAY_BE_NULL]
    text = yaml.safe_dump_all(helm_template(*(f"{name}=true" for name in wide), *nulls))
    assert "<nil>" not in text


def test_a_chart_that_names_no_cluster_says_how_to_name_it() -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        helm_template("target.cluster=")
    assert "kubectl get namespace kube-system" in refused.value.stderr


def test_a_job_whose_rights_were_never_printed_says_how_to_print_them() -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        helm_template("jobs.drill.rights=nowhere")
    assert "rights/nowhere.yaml is missing; write it: resilience rbac" in refused.value.stderr


def test_the_files_are_those_of_the_other_folder() -> None:
    """But for what is a value of the chart."""
    other = ROOT / "deploy" / "files"
    for path in sorted((CHART / "files").iterdir()):
        pairs = zip(path.read_text().splitlines(), (other / path.name).read_text().splitlines(),
                    strict=True)  # fmt: skip
        differing = {left.partition(":")[0] for left, right in pairs if left != right}
        assert differing <= {"store", "timezone"}, path


def test_alerts_and_dashboard_ask_for_metrics_that_exist() -> None:
    rules = yaml.safe_load((CHART / "alerts.yaml").read_text())["groups"][0]["rules"]
    panels = json.loads((CHART / "dashboard.json").read_text())["panels"]
    queries = [rule["expr"] for rule in rules]
    queries += [target["expr"] for panel in panels for target in panel["targets"]]
    asked = set(re.findall(r"\bresilience_\w+", " ".join(queries)))
    assert asked == {f"{PREFIX}{name}" for name in HELP} - {
        "resilience_promise_kept",
        "resilience_last_run_timestamp_seconds",
    }


def test_what_prometheus_and_grafana_get_is_filled_in() -> None:
    objects = helm_template("prometheusRule.enabled=true", "dashboard.enabled=true")
    (rule,) = of_kind(objects, "PrometheusRule")
    text = json.dumps(rule["spec"])
    assert not re.search("DRILL_WITHIN|BACKUP_WITHIN|BACKUP_JOB|NAMESPACE", text)
    assert 'namespace=\\"resilience\\", cronjob=\\"here-backup\\"' in text
    assert "> 40 * 86400" in text
    (dashboard,) = [each for each in of_kind(objects, "ConfigMap")
                    if each["metadata"]["name"] == "here-dashboard"]  # fmt: skip
    assert json.loads(dashboard["data"]["resilience.json"])["title"] == "Resilience"


@pytest.fixture(scope="module")
def installed(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """kubectl where the chart is installed, beside a service to act on."""
    tmp_path = tmp_path_factory.mktemp("chart")
    kubectl = Everywhere(FOUND[0], kubeconfig, "", tmp_path)
    uid = kubectl("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}")
    objects = helm_template(f"target.cluster={uid}", "image.repository=python", "image.tag=3.13",
                            "target.windows={* * * * *}", release="resilience")  # fmt: skip
    manifest = tmp_path / "chart.yaml"
    manifest.write_text(yaml.safe_dump_all(objects))
    for namespace in ("shop", "resilience"):
        kubectl("create", "namespace", namespace)
    restricted = "pod-security.kubernetes.io/enforce=restricted"
    kubectl("label", "namespace", "resilience", restricted)
    try:
        kubectl("apply", "-n", "shop", "-f", str(ROOT / "scenarios/manifests/checkout.yaml"))
        kubectl("apply", "--server-side", "--validate=strict",
                "-f", str(manifest))  # fmt: skip
        kubectl("rollout", "status", "-n", "shop", "deployment/checkout", "--timeout=60s")
        yield kubectl
    finally:
        gone = ("--ignore-not-found", "--timeout=120s")
        kubectl("delete", "namespace", "shop", "shop-drill", "resilience", *gone)
        kubectl("delete", "-f", str(manifest), *gone)


def test_each_job_does_its_work_with_the_rights_it_has(installed: Kubectl) -> None:
    start(installed, "resilience-backup")
    code, log = ended(installed, "resilience-backup")
    assert (code, "shop-" in log) == (0, True), log
    for use in ("proof", "drill", "scenarios"):  # all at once: locks keep them apart
        start(installed, f"resilience-{use}")
    code, log = ended(installed, "resilience-proof")
    assert (code, "2 passed" in log) == (0, True), log
    code, log = ended(installed, "resilience-drill")
    assert (code, "everything in shop-drill matches snapshot" in log) == (0, True), log
    code, log = ended(installed, "resilience-scenarios")
    assert code in (0, 21), log  # 21: this machine was too busy to measure
    assert "done: kill one Pod app=checkout" in log


def test_a_job_cannot_do_what_another_job_is_for(installed: Kubectl) -> None:
    def may(use: str, *question: str) -> bool:
        account = f"system:serviceaccount:resilience:resilience-{use}"
        code, _, _ = installed.run("auth", "can-i", *question, "--as", account)
        return code == 0

    assert may("scenarios", "delete", "pods", "-n", "shop")
    assert not may("proof", "delete", "pods", "-n", "shop")
    assert not may("scenarios", "delete", "pods", "-n", "default")
    assert may("backup", "list", "secrets", "-n", "shop")
    assert not may("scenarios", "list", "secrets", "-n", "shop")
    assert not may("backup", "create", "namespaces")
    assert may("drill", "create", "namespaces")
