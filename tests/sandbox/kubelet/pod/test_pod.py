"""Pods as their programs and their readers see them: environment, volumes, images, restarts."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import pytest

from resilience.cluster.interface import CLAIMS, SERVICES
from tests.sandbox.running import AGNHOST, Pods, sandbox, wait_for

CONFIG: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "app"},
    "data": {"main.py": "import helper; print('value', helper.VALUE)", "helper.py": "VALUE = 42"},
}


def test_a_program_from_a_config_map_imports_its_neighbours(pods: Pods) -> None:
    pods.apply(CONFIG)
    pods.run(
        "app",
        restartPolicy="Never",
        volumes=[{"name": "code", "configMap": {"name": "app"}}],
        main={
            "command": ["python", "/app/main.py"],
            "volumeMounts": [{"name": "code", "mountPath": "/app"}],
        },
    )
    assert pods.phase("app") == "Succeeded"
    assert pods.logs("app") == "value 42\n"


def test_the_environment_has_values_references_and_downward_fields(pods: Pods) -> None:
    secret = {"k": base64.b64encode(b"hidden").decode()}
    pods.apply(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": secret},
        {**CONFIG, "data": {"MODE": "prod", "EXTRA": "x"}},
    )
    pods.run(
        "env",
        "import os; print(*(os.environ.get(k) for k in 'MODE P_EXTRA SECRET NAME GREET HOSTNAME"
        " CPU NONE'.split()))",
        restartPolicy="Never",
        main={
            "resources": {"requests": {"cpu": "250m"}},
            "envFrom": [
                {"configMapRef": {"name": "app"}},
                {"configMapRef": {"name": "app"}, "prefix": "P_"},
                {"configMapRef": {"name": "absent", "optional": True}},
            ],
            "env": [
                {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                {"name": "GREET", "value": "hello-$(NAME)-$(absent)-$$(NAME)"},
                {
                    "name": "CPU",
                    "valueFrom": {
                        "resourceFieldRef": {"resource": "requests.cpu", "divisor": "1m"}
                    },
                },
            ],
        },
    )
    assert pods.phase("env") == "Succeeded"
    assert pods.logs("env") == ("prod x hidden env hello-env-$(absent)-$(NAME) env 250 None\n")


def test_containers_of_a_pod_share_a_volume_and_an_address(pods: Pods) -> None:
    mount = [{"name": "shared", "mountPath": "/shared"}]
    writer = (
        "import http.server as h; open('/shared/x','w').write('from a');"
        "h.HTTPServer(('',8000), h.SimpleHTTPRequestHandler).serve_forever()"
    )
    reader = (
        "import urllib.request as u, time\n"
        "while True:\n"
        "  try: print(u.urlopen('http://localhost:8000/x').read()); break\n"
        "  except OSError: time.sleep(0.02)\n"
        "time.sleep(600)"
    )
    pods.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "two"},
            "spec": {
                "terminationGracePeriodSeconds": 0,
                "volumes": [{"name": "shared", "emptyDir": {}}],
                "containers": [
                    {"name": "a", "image": "python:3", "command": ["python3", "-u", "-c", writer],
                     "workingDir": "/shared", "volumeMounts": mount},
                    {"name": "b", "image": "python:3", "command": ["python3", "-u", "-c", reader],
                     "volumeMounts": [{**mount[0], "readOnly": True}]},
                ],
            },
        }
    )  # fmt: skip
    pods.until_ready("two")
    pods.until("two", lambda _: "from a" in pods.logs("two", "-c", "b"), "b read what a wrote")


def test_a_read_only_mount_cannot_be_written(pods: Pods) -> None:
    pods.run(
        "ro",
        "open('/data/x', 'w')",
        restartPolicy="Never",
        volumes=[{"name": "d", "emptyDir": {}}],
        main={"volumeMounts": [{"name": "d", "mountPath": "/data", "readOnly": True}]},
    )
    assert pods.phase("ro") == "Failed"
    assert "Read-only file system: '/data/x'" in pods.logs("ro")


def test_a_program_that_fails_restarts_at_once_and_then_backs_off(pods: Pods) -> None:
    pods.run("crash", "print('bye'); raise SystemExit(3)")

    def backs_off(pod: dict[str, Any]) -> Any:
        found = pod["status"].get("containerStatuses") or [{}]
        waiting = found[0].get("state", {}).get("waiting", {}).get("reason")
        return found[0] if waiting == "CrashLoopBackOff" else None

    status = pods.until("crash", backs_off, "is in CrashLoopBackOff")
    uid = pods.get("crash")["metadata"]["uid"]
    assert status["restartCount"] == 1
    assert status["lastState"]["terminated"]["exitCode"] == 3
    assert status["lastState"]["terminated"]["reason"] == "Error"
    assert status["state"]["waiting"]["message"] == (
        f"back-off 10s restarting failed container=main pod=crash_{pods.namespace}({uid})"
    )
    assert pods.get("crash")["status"]["phase"] == "Running"
    assert pods.logs("crash", "--previous") == "bye\n"
    text = f"Back-off restarting failed container main in pod crash_{pods.namespace}({uid})"
    pods.until_event("crash", "BackOff", text)


@pytest.mark.parametrize(
    ("policy", "code", "phase"),
    [("Never", 0, "Succeeded"), ("Never", 4, "Failed"), ("OnFailure", 0, "Succeeded")],
)
def test_the_restart_policy_decides_the_phase(
    pods: Pods, policy: str, code: int, phase: str
) -> None:
    pods.run("end", f"raise SystemExit({code})", restartPolicy=policy)
    assert pods.phase("end") == phase
    assert pods.status("end")["state"]["terminated"]["exitCode"] == code
    assert pods.status("end")["restartCount"] == 0


def test_a_container_past_its_memory_limit_is_oom_killed(pods: Pods) -> None:
    pods.run(
        "big",
        "import time; data = b'x' * (200 << 20); time.sleep(600)",
        restartPolicy="Never",
        main={"resources": {"limits": {"memory": "100Mi"}}},
    )
    assert pods.phase("big") == "Failed"
    ended = pods.status("big")["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (137, "OOMKilled")


def test_an_unknown_image_ends_in_image_pull_back_off(pods: Pods) -> None:
    pods.run("wrong", main={"image": "mysql:8.4"})
    pods.until_event("wrong", "Failed", "Error: ErrImagePull")
    pods.until(
        "wrong",
        lambda _: (
            pods.status("wrong").get("state", {}).get("waiting", {}).get("reason")
            == "ImagePullBackOff"
        ),
        "is in ImagePullBackOff",
    )
    pods.until_event("wrong", "BackOff", 'Back-off pulling image "mysql:8.4"')
    assert pods.get("wrong")["status"]["phase"] == "Pending"


@pytest.mark.parametrize(
    ("main", "message"),
    [
        (
            {"envFrom": [{"configMapRef": {"name": "absent"}}]},
            'configmap "absent" not found',
        ),
        (
            {"volumeMounts": [{"name": "v", "mountPath": "/usr"}]},
            "the sandbox cannot mount over '/usr'",
        ),
    ],
)
def test_what_cannot_be_configured_says_why(pods: Pods, main: dict[str, Any], message: str) -> None:
    pods.run("bad", "pass", main=main, volumes=[{"name": "v", "emptyDir": {}}])
    waiting = pods.until(
        "bad",
        lambda _: pods.status("bad").get("state", {}).get("waiting", {}).get("message"),
        "waits with a message",
    )
    assert message in waiting
    assert pods.status("bad")["state"]["waiting"]["reason"] == "CreateContainerConfigError"


def test_a_missing_config_map_volume_keeps_the_pod_creating_until_it_is_there(pods: Pods) -> None:
    pods.run(
        "late",
        "print(open('/etc/app/EXTRA').read())",
        restartPolicy="Never",
        volumes=[{"name": "c", "configMap": {"name": "app"}}],
        main={"volumeMounts": [{"name": "c", "mountPath": "/etc/app"}]},
    )
    text = 'MountVolume.SetUp failed for volume "c" : configmap "app" not found'
    pods.until_event("late", "FailedMount", text)
    assert pods.status("late")["state"]["waiting"]["reason"] == "ContainerCreating"
    pods.apply({**CONFIG, "data": {"EXTRA": "x"}})
    assert pods.phase("late") == "Succeeded"


def test_a_missing_program_is_a_start_error(pods: Pods) -> None:
    pods.run("missing", main={"command": ["/bin/nothere"]}, restartPolicy="Never")
    assert pods.phase("missing") == "Failed"
    ended = pods.status("missing")["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (128, "StartError")
    assert 'exec: "/bin/nothere": executable file not found in $PATH' in ended["message"]


def test_init_containers_run_in_order_before_the_others(pods: Pods) -> None:
    mount = [{"name": "d", "mountPath": "/d"}]

    def init(name: str) -> dict[str, Any]:
        return {"name": name, "image": "python:3", "volumeMounts": mount,
                "command": ["sh", "-c", f"echo {name} >> /d/order"]}  # fmt: skip

    pods.run(
        "order",
        "print(open('/d/order').read())",
        restartPolicy="Never",
        initContainers=[init("one"), init("two")],
        volumes=[{"name": "d", "emptyDir": {}}],
        main={"volumeMounts": mount},
    )
    assert pods.phase("order") == "Succeeded"
    assert pods.logs("order").split() == ["one", "two"]


def test_a_failing_init_container_fails_a_pod_that_never_restarts(pods: Pods) -> None:
    failing = {"name": "init", "image": "python:3", "command": ["false"]}
    pods.run("never", "pass", restartPolicy="Never", initContainers=[failing])
    assert pods.phase("never") == "Failed"
    assert pods.status("never")["state"]["waiting"]["reason"] == "PodInitializing"


def test_a_sidecar_starts_first_and_does_not_keep_the_pod_from_succeeding(pods: Pods) -> None:
    sidecar = {
        "name": "side",
        "image": AGNHOST,
        "args": ["netexec", "--http-port=8080"],
        "restartPolicy": "Always",
        "startupProbe": {"httpGet": {"path": "/healthz", "port": 8080}},
    }
    pods.run(
        "job",
        "import urllib.request as u; print(u.urlopen('http://localhost:8080/hostname').read())",
        restartPolicy="Never",
        initContainers=[sidecar],
    )
    assert pods.phase("job") == "Succeeded"
    assert pods.logs("job", "-c", "main") == "b'job'\n"


def test_liveness_failure_restarts_the_container_with_the_real_events(pods: Pods) -> None:
    pods.run(
        "sick",
        main={
            "image": AGNHOST,
            "args": ["netexec"],
            "livenessProbe": {
                "httpGet": {"path": "/echo?code=500", "port": 8080},
                "periodSeconds": 1,
                "failureThreshold": 1,
            },
        },
    )
    pods.until("sick", lambda _: pods.status("sick").get("restartCount"), "restarted")
    failed = "Liveness probe failed: HTTP probe failed with statuscode: 500"
    pods.until_event("sick", "Unhealthy", failed)
    pods.until_event("sick", "Killing", "Container main failed liveness probe, will be restarted")


def test_readiness_follows_the_probe_both_ways(pods: Pods) -> None:
    pods.run(
        "moody",
        "import os, time; open('/tmp/ok-' + os.environ['HOSTNAME'], 'w'); time.sleep(600)",
        volumes=[{"name": "t", "emptyDir": {}}],
        main={
            "volumeMounts": [{"name": "t", "mountPath": "/tmp"}],
            "readinessProbe": {
                "exec": {"command": ["cat", "/tmp/ok-moody"]},
                "periodSeconds": 1,
                "failureThreshold": 1,
            },
        },
    )
    pods.until_ready("moody")
    pods.kubectl("exec", "moody", "--", "sh", "-c", "rm /tmp/ok-moody")
    condition = pods.until(
        "moody",
        lambda pod: [
            condition
            for condition in pod["status"]["conditions"]
            if (condition["type"], condition["status"]) == ("Ready", "False")
        ],
        "is not Ready",
    )[0]
    assert condition["reason"] == "ContainersNotReady"
    assert pods.status("moody")["restartCount"] == 0


def test_exec_has_streams_and_the_exit_code(pods: Pods) -> None:
    pods.run("box", "import time; time.sleep(600)")
    pods.until_ready("box")
    assert pods.kubectl("exec", "-i", "box", "--", "cat", stdin="through\n") == "through\n"
    assert (
        pods.kubectl("exec", "box", "--", "sh", "-c", "hostname && echo $HOSTNAME") == "box\nbox\n"
    )
    with pytest.raises(AssertionError, match="command terminated with exit code 7"):
        pods.kubectl("exec", "box", "--", "sh", "-c", "exit 7")
    with pytest.raises(AssertionError, match=r"executable file not found in \$PATH"):
        pods.kubectl("exec", "box", "--", "nothere")


def test_kubectl_copies_files_both_ways(pods: Pods, tmp_path: Path) -> None:
    pods.run(
        "box",
        "import time; time.sleep(600)",
        volumes=[{"name": "d", "emptyDir": {}}],
        main={"volumeMounts": [{"name": "d", "mountPath": "/data"}]},
    )
    pods.until_ready("box")
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "x").write_bytes(bytes(range(256)) * 1000)
    pods.kubectl("cp", str(tmp_path / "there"), "box:/data/in")
    assert pods.kubectl("exec", "box", "--", "ls", "/data/in") == "x\n"
    pods.kubectl("cp", "box:/data/in", str(tmp_path / "back"))
    assert (tmp_path / "back" / "x").read_bytes() == bytes(range(256)) * 1000


def test_logs_can_be_cut_and_stamped(pods: Pods) -> None:
    pods.run("log", "for n in range(5): print('line', n)", restartPolicy="Never")
    pods.phase("log")
    assert pods.logs("log", "--tail=2") == "line 3\nline 4\n"
    assert pods.logs("log", "--limit-bytes=9") == "line 0\nli"
    stamped = pods.logs("log", "--timestamps", "--tail=1")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z line 4\n", stamped)
    assert pods.logs("log", "--since=1h").count("\n") == 5
    assert pods.logs("log", "--since-time=2999-01-01T00:00:00Z") == ""


def test_following_a_log_ends_with_the_container(pods: Pods) -> None:
    pods.run(
        "tick",
        "import time\nfor n in range(3): print(n); time.sleep(0.2)",
        restartPolicy="Never",
    )
    pods.until("tick", lambda _: pods.status("tick").get("containerID"), "has started")
    assert pods.logs("tick", "-f") == "0\n1\n2\n"


def test_the_termination_message_is_in_the_status(pods: Pods) -> None:
    pods.run("note", "open('/dev/termination-log', 'w').write('all done')", restartPolicy="Never")
    pods.phase("note")
    assert pods.status("note")["state"]["terminated"]["message"] == "all done"


def test_pause_pods_cost_no_process_and_end_at_once() -> None:
    with sandbox("--nodes", "1") as alone:  # Pods of other tests may end or start again
        pods, before = Pods(alone, "default"), set(alone.everything())
        pods.run(
            "idle",
            main={"image": "registry.k8s.io/pause:3.10"},
            terminationGracePeriodSeconds=600,
        )
        pods.until_ready("idle")
        assert not set(alone.everything()) - before
        pods.kubectl("delete", "pod", "idle", "--timeout=90s")


def test_a_claim_keeps_its_data_from_pod_to_pod_and_loses_them_with_itself(pods: Pods) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    pods.apply(claim)
    kept = {
        "volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}],
        "restartPolicy": "Never",
    }
    main = {"volumeMounts": [{"name": "d", "mountPath": "/data"}]}
    pods.run("writes", "open('/data/x', 'w').write('kept')", main=dict(main), **kept)
    assert pods.phase("writes") == "Succeeded"
    pods.kubectl("delete", "pod", "writes")
    pods.run("reads", "print(open('/data/x').read())", main=dict(main), **kept)
    assert pods.phase("reads") == "Succeeded"
    assert pods.logs("reads") == "kept\n"
    name = pods.sandbox.cluster.get(CLAIMS, "data", pods.namespace)["spec"]["volumeName"]
    directory = pods.sandbox.directory / "volumes" / name
    assert (directory / "x").read_text() == "kept"
    pods.kubectl("delete", "pod", "reads")
    pods.kubectl("delete", "pvc", "data", "--timeout=20s")
    wait_for(lambda: not directory.exists(), "the volume's directory is gone")


def test_a_program_reaches_the_api_server_with_a_projected_token(pods: Pods) -> None:
    token = {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}}
    ca = {"configMap": {"name": "kube-root-ca.crt"}}
    program = (
        "import json, os, ssl, urllib.error, urllib.request as u\n"
        "context = ssl.create_default_context(cafile='/token/ca.crt')\n"
        "where = f\"https://{os.environ['KUBERNETES_SERVICE_HOST']}/api/v1/nodes\"\n"
        "bearer = 'Bearer ' + open('/token/token').read()\n"
        "try: u.urlopen(u.Request(where, headers={'Authorization': bearer}), context=context)\n"
        "except urllib.error.HTTPError as error: print(json.load(error)['message'])\n"
    )
    pods.run(
        "calls",
        program,
        restartPolicy="Never",
        volumes=[{"name": "t", "projected": {"sources": [token, ca]}}],
        main={"volumeMounts": [{"name": "t", "mountPath": "/token"}]},
    )
    assert pods.phase("calls") == "Succeeded", pods.logs("calls")
    user = f"system:serviceaccount:{pods.namespace}:default"
    assert pods.logs("calls").startswith(f'nodes is forbidden: User "{user}" cannot list resource')


def test_a_client_in_a_pod_finds_its_configuration_as_in_any_cluster(pods: Pods) -> None:
    program = (
        "from kubernetes import client, config\n"
        "config.load_incluster_config()\n"
        "try: client.CoreV1Api().list_node()\n"
        "except client.ApiException as error: print(error.body)\n"
        "print(open('/var/run/secrets/kubernetes.io/serviceaccount/namespace').read())\n"
    )
    pods.run("incluster", program, restartPolicy="Never")
    assert pods.phase("incluster") == "Succeeded", pods.logs("incluster")
    user = f"system:serviceaccount:{pods.namespace}:default"
    assert f'User \\"{user}\\" cannot list resource' in pods.logs("incluster")
    assert pods.logs("incluster").endswith(f"{pods.namespace}\n")


def test_a_pod_bound_to_a_node_that_comes_later_waits_for_it(pods: Pods) -> None:
    name = f"late-{pods.namespace}"
    pods.run("early", "print('ran')", restartPolicy="Never", nodeName=name)
    assert pods.get("early")["status"].get("podIP") is None
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}
    pods.apply(node)
    try:
        assert pods.phase("early") == "Succeeded"
    finally:
        pods.kubectl("delete", "node", name)


def test_items_and_sub_paths_choose_what_is_mounted_where(pods: Pods) -> None:
    items = [{"key": "EXTRA", "path": "a/b"}]
    pods.apply({**CONFIG, "data": {"EXTRA": "one"}})
    pods.run(
        "conf",
        "import time; time.sleep(600)",
        volumes=[{"name": "c", "configMap": {"name": "app", "items": items}}],
        main={
            "volumeMounts": [
                {"name": "c", "mountPath": "/c"},
                {"name": "c", "mountPath": "/one", "subPath": "a/b"},
            ]
        },
    )
    pods.until_ready("conf")
    assert pods.kubectl("exec", "conf", "--", "cat", "/c/a/b", "/one") == "oneone"


def test_what_a_container_writes_to_its_tmp_is_its_own_and_ends_with_the_instance(
    pods: Pods,
) -> None:
    program = (
        "import os, time\n"
        "print('found', os.listdir('/tmp'))\n"
        "open('/tmp/mine', 'w').write('x')\n"
        "time.sleep(1000)"
    )
    pods.run("one", program)
    pods.run("two", program)

    def looked() -> bool:
        return all("found" in pods.logs(name) for name in ("one", "two"))

    for name in ("one", "two"):
        pods.until_ready(name)
    wait_for(looked, "both have looked")
    assert pods.logs("one") == pods.logs("two") == "found []\n"
    assert pods.kubectl("exec", "one", "--", "cat", "/tmp/mine") == "x"
    pods.crash("one")
    pods.until("one", lambda _: pods.status("one").get("restartCount") == 1, "began again")
    pods.until_ready("one")
    wait_for(lambda: "found" in pods.logs("one"), "it has looked again")
    assert pods.logs("one") == "found []\n"


def test_services_are_told_in_the_environment_unless_the_pod_does_not_want_it(pods: Pods) -> None:
    pods.kubectl("create", "service", "clusterip", "db", "--tcp=5432:5432")
    program = "import os; print(os.environ.get('DB_SERVICE_PORT'), os.environ.get('DB_PORT'))"
    address = pods.sandbox.cluster.get(SERVICES, "db", pods.namespace)["spec"]["clusterIP"]
    # The kubelet may hear of the Pod before it hears of the Service: then it is told at a restart.
    told = f"{program}; os.environ['DB_PORT']"
    pods.run("told", told, restartPolicy="OnFailure")
    pods.run("quiet", program, enableServiceLinks=False, restartPolicy="Never")
    assert (pods.phase("told"), pods.phase("quiet")) == ("Succeeded", "Succeeded")
    assert pods.logs("told") == f"5432 tcp://{address}:5432\n"
    assert pods.logs("quiet") == "None None\n"
