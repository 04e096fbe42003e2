"""Reading raw objects: which containers of a Pod count."""

from __future__ import annotations

from resilience.kube import objects
from resilience.kube.objects import Object

POD: Object = {
    "spec": {
        "initContainers": [{"name": "once"}, {"name": "mesh", "restartPolicy": "Always"}],
        "containers": [{"name": "web"}],
    },
    "status": {
        "containerStatuses": [{"name": "web", "restartCount": 1}],
        "initContainerStatuses": [{"name": "once"}, {"name": "mesh", "restartCount": 2}],
    },
}


def test_sidecars_last_and_other_init_containers_do_not() -> None:
    assert [each["name"] for each in objects.lasting_containers(POD)] == ["mesh", "web"]


def test_every_container_has_a_status_in_the_order_of_the_start() -> None:
    names = [each["name"] for each in objects.container_statuses(POD)]
    assert names == ["once", "mesh", "web"]
    assert objects.restarts(POD) == 3


def test_a_pod_that_says_nothing_has_no_containers() -> None:
    for pod in ({}, {"spec": None, "status": None}, {"spec": {"initContainers": None}}):
        assert objects.lasting_containers(pod) == []
        assert objects.container_statuses(pod) == []
