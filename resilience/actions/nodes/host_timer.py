"""Silences a kubelet on a real cluster: timers on its host stop it and start it again.

For targets with `privileged = true`, and for steps with `lasting: true`: once the kubelet is silent
nothing can be undone through Kubernetes. So a helper Pod enters the host's namespaces and sets two
systemd timers: first the one that starts the kubelet after `duration`, and only if that succeeds,
the one that stops it in a few seconds. The Pod ends before the kubelet stops. Hosts without
systemd, or whose kubelet is not a service, are reported.
"""

from __future__ import annotations

from collections.abc import Sequence

from resilience.actions.pods import host_pod
from resilience.verbs.context import ActionContext, ActionFailed

UNITS = ("kubelet", "k3s-agent", "rke2-agent")
"""Names of systemd services that run a kubelet, on nodes without an API server of their own."""

NOTICE = 5
"""Seconds before the kubelet stops, in which the helper ends and its exit code is reported."""

NO_SYSTEMD, NO_UNIT, NO_TIMER, NOT_STOPPED = 3, 4, 5, 6
_WHY = {
    NO_SYSTEMD: "its host has no systemd, so no timer can start the kubelet again",
    NO_UNIT: f"none of the services {', '.join(UNITS)} runs on its host",
    NO_TIMER: "its host's systemd did not accept the timer that starts the kubelet again",
    NOT_STOPPED: "its host's systemd did not accept the timer that stops the kubelet",
}

PROGRAM = f"""
import subprocess, sys

HOST = ["nsenter", "--target", "1", "--mount", "--uts", "--ipc", "--net", "--pid", "--"]

def host(*command):
    try:
        done = subprocess.run([*HOST, *command], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired) as error:
        print(error, flush=True)
        return False
    print(done.stdout, done.stderr, sep="", end="", flush=True)
    return done.returncode == 0

def timer(name, seconds, order, unit):
    return host("systemd-run", "--collect", "--unit", name, f"--on-active={{seconds}}s",
                "--timer-property=AccuracySec=100ms", "systemctl", order, unit)

mark, back = sys.argv[1:3]
if not host("systemctl", "--version"):
    sys.exit({NO_SYSTEMD})
unit = next((each for each in {UNITS!r} if host("systemctl", "is-active", each)), "")
if not unit:
    sys.exit({NO_UNIT})
if not timer(mark + "-start", back, "start", unit):
    sys.exit({NO_TIMER})
if not timer(mark + "-stop", "{NOTICE}", "stop", unit):
    sys.exit({NOT_STOPPED})
"""


def silence(nodes: Sequence[str], seconds: float, context: ActionContext) -> None:
    """Set both timers on each node's host; ActionFailed when one is not accepted."""
    mark = f"resilience-{context.random.randrange(16**6):06x}"
    arguments = {node: [mark, str(round(seconds))] for node in nodes}
    for node, code in host_pod.run("silence", PROGRAM, arguments, context).items():
        if code != 0:
            why = _WHY.get(code or 0, f"the helper ended with exit code {code}")
            raise ActionFailed(f"the kubelet of {node} was not stopped: {why}")
