"""Kills a container's process from its node, with a helper Pod in the host's process namespace.

The helper on each node finds the processes of the given containers by their ids in /proc/*/cgroup
(cgroup v1 and v2, for any runtime's group names) and sends SIGKILL to the first of each; the kernel
ends the rest of its process namespace.
"""

from __future__ import annotations

from collections.abc import Sequence

from resilience.actions.pods import host_pod
from resilience.cluster.interface import Object
from resilience.kube import objects
from resilience.verbs.context import ActionContext, ActionFailed

NOT_FOUND = 3

PROGRAM = f"""
import os, signal, sys

def text(pid, name):
    try:
        with open(f"{{root}}/{{pid}}/{{name}}") as file:
            return file.read()
    except OSError:
        return ""

def is_first(pid):
    lines = [line.split() for line in text(pid, "status").splitlines() if line.startswith("NSpid:")]
    return bool(lines) and len(lines[0]) > 2 and lines[0][-1] == "1"

root, missing = sys.argv[1], []
pids = [each for each in os.listdir(root) if each.isdigit()]
for container in sys.argv[2:]:
    inside = [pid for pid in pids if container in text(pid, "cgroup")]
    victims = [pid for pid in inside if is_first(pid)] or inside
    for pid in victims:
        os.kill(int(pid), signal.SIGKILL)
    print(container, *victims, flush=True)
    if not victims:
        missing.append(container)
sys.exit({NOT_FOUND} if missing else 0)
"""


def container_ids(pod: Object, container: str = "") -> list[str]:
    """Ids of the Pod's containers that are meant to run, sidecars included (or of one of them),
    without the runtime's prefix."""
    names = {str(each["name"]) for each in objects.lasting_containers(pod)}
    found = [
        str(each["containerID"]).rpartition("://")[2]
        for each in objects.container_statuses(pod)
        if each.get("containerID") and each["name"] in names and container in ("", each["name"])
    ]
    if not found:
        raise ActionFailed(f"{objects.title(pod)} has no running container {container}".rstrip())
    return found


def kill(pods: Sequence[Object], container: str, context: ActionContext) -> None:
    """Send SIGKILL to the containers of these Pods, with one helper per node; ActionFailed when a
    helper does not run or does not find a process."""
    wanted: dict[str, list[str]] = {}
    for pod in pods:
        wanted.setdefault(objects.node(pod), []).extend(container_ids(pod, container))
    arguments = {node: ["/proc", *ids] for node, ids in wanted.items()}
    for node, code in host_pod.run("crash", PROGRAM, arguments, context).items():
        if code == NOT_FOUND:
            raise ActionFailed(f"no process of a chosen container was found on {node}: the "
                               "container may run in a virtual machine")  # fmt: skip
        if code != 0:
            raise ActionFailed(f"the helper on {node} ended with exit code {code}")
