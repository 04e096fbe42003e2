"""`kubectl debug` and resizing in place: how a running Pod's containers change."""

from __future__ import annotations

import json

import pytest

from tests.e2e.kubectl import Kubectl

AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.45"
SIZED = """
apiVersion: v1
kind: Pod
metadata: {name: app}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: app
    image: registry.k8s.io/e2e-test-images/agnhost:2.45
    args: [netexec, --http-port=8080]
    readinessProbe: {httpGet: {path: /readyz, port: 8080}, periodSeconds: 1}
    resources: {requests: {cpu: 100m, memory: 64Mi}}
    resizePolicy: [{resourceName: memory, restartPolicy: RestartContainer}]
"""


@pytest.fixture
def app(kubectl: Kubectl) -> Kubectl:
    """A Pod `app` with requests, answering on 8080."""
    kubectl("apply", "-f", "-", stdin=SIZED)
    kubectl("wait", "--for=condition=Ready", "pod/app", "--timeout=60s")
    return kubectl


FETCH = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8080/hostname').read())"


def test_debug_adds_a_container_that_shares_the_pods_address(app: Kubectl) -> None:
    out = app(
        "debug", "app", "-i", "--quiet", "--image=python:3", "--container=look", "--target=app",
        "--", "python3", "-c", f"import sys; sys.stdin.read(); {FETCH}",
    )  # fmt: skip
    assert out.strip() == "b'app'"
    app(
        "wait", "pod/app", "--timeout=60s",
        "--for=jsonpath={.status.ephemeralContainerStatuses[0].state.terminated.exitCode}=0",
    )  # fmt: skip
    assert app("logs", "app", "-c", "look").strip() == "b'app'"
    assert app("get", "pod", "app", "--no-headers").split()[1:3] == ["1/1", "Running"]
    assert "Ephemeral Containers:" in app("describe", "pod", "app")


def test_a_copy_for_debugging_leaves_the_pod_alone(app: Kubectl) -> None:
    app(
        "debug", "app", f"--image={AGNHOST}", "--copy-to=copy", "--container=more",
        "--", "/agnhost", "pause",
    )  # fmt: skip
    app("wait", "--for=condition=Ready", "pod/copy", "--timeout=60s")
    names = "jsonpath={.spec.containers[*].name}"
    assert app("get", "pod", "copy", "-o", names) == "app more"
    assert app("get", "pod", "app", "-o", names) == "app"


def test_ephemeral_containers_go_through_their_own_door_and_stay(app: Kubectl) -> None:
    fresh = {"name": "look", "image": "python:3", "command": ["sleep", "1000"]}
    patch = json.dumps({"spec": {"ephemeralContainers": [fresh]}})
    door = ("patch", "pod", "app", "--subresource=ephemeralcontainers")
    assert "pod updates may not change fields" in app.fails("patch", "pod", "app", "-p", patch)
    app(*door, "-p", patch)
    raw = f"/api/v1/namespaces/{app.namespace}/pods/app/ephemeralcontainers"
    pod = json.loads(app("get", "--raw", raw))
    assert [entry["name"] for entry in pod["spec"]["ephemeralContainers"]] == ["look"]
    gone = '[{"op": "remove", "path": "/spec/ephemeralContainers"}]'
    text = 'existing ephemeral containers "look" may not be removed'
    assert text in app.fails(*door, "--type=json", "-p", gone)
    ported = json.dumps({"spec": {"ephemeralContainers": [{**fresh, "name": "two", "ports": [
        {"containerPort": 80}]}]}})  # fmt: skip
    assert "cannot be set for an Ephemeral Container" in app.fails(*door, "-p", ported)


def sized(**resources: dict[str, str]) -> str:
    return json.dumps({"spec": {"containers": [{"name": "app", "resources": resources}]}})


def test_a_resize_holds_at_once_and_restarts_only_where_the_policy_says_so(app: Kubectl) -> None:
    door = ("patch", "pod", "app", "--subresource=resize", "-p")
    status = "{.status.containerStatuses[0]"
    app(*door, sized(requests={"cpu": "200m"}))
    app("wait", "pod/app", f"--for=jsonpath={status}.resources.requests.cpu}}=200m")
    assert app("get", "pod", "app", "-o", f"jsonpath={status}.restartCount}}") == "0"
    app(*door, sized(requests={"memory": "96Mi"}))
    app("wait", "pod/app", f"--for=jsonpath={status}.restartCount}}=1", "--timeout=60s")
    assert app("get", "pod", "app", "-o", f"jsonpath={status}.allocatedResources.memory}}") == (
        "96Mi"
    )


def test_a_resize_keeps_the_class_of_the_pod_and_its_other_fields(app: Kubectl) -> None:
    door = ("patch", "pod", "app", "--subresource=resize", "-p")
    whole = {"cpu": "1", "memory": "64Mi"}
    text = app.fails(*door, sized(requests=whole, limits=whole))
    assert 'spec: Invalid value: "Burstable": Pod QOS Class may not change' in text
    image = {"spec": {"containers": [{"name": "app", "image": "python:3"}]}}
    app(*door, json.dumps(image))
    assert "agnhost" in app("get", "pod", "app", "-o", "jsonpath={.spec.containers[0].image}")
    plain = app.fails("patch", "pod", "app", "-p", sized(requests={"cpu": "300m"}))
    assert "pod updates may not change fields" in plain
