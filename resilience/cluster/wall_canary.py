"""The program with which a Pod proves that a NetworkPolicy is enforced, and its exit codes.

A network plugin without support for policies accepts one and ignores it. So no Pod is cut off, and
no copy is restored, before a Pod has tried to get out and failed twice in a row, the second time
`APART` seconds after the first; a plugin that drops packets keeps each attempt waiting, so they
overlap. A policy takes a moment to apply to a new Pod, so the Pod keeps trying for `PATIENCE`
seconds. `partition` and drills
run the same program; `partition` first runs the control, a connection that succeeds.
"""

from __future__ import annotations

SHUT, STILL_OPEN, NEVER_OPEN = 0, 7, 8
"""Exit codes: kept in; still able to get out; could not connect even before there was a policy."""

PATIENCE = 20
"""Seconds that an accepted policy may take to be enforced."""

APART = 0.5
"""Seconds between the beginnings of two attempts."""

ATTEMPT = 1.5
"""Seconds for one attempt: Linux repeats a lost first packet after one second (TCP_TIMEOUT_INIT),
and its answer has half a second, many times what it needs within a cluster."""

CONTROL_WITHIN = 60
"""Seconds for the control's first connection."""

_PROGRAM = """
import os, socket, sys, threading, time

host, port = (os.environ.get(word[1:], "") if word[0] == "$" else word for word in sys.argv[1:3])
control = sys.argv[3] == "control"

def opens():
    try:
        socket.create_connection((host, int(port)), %(attempt)g).close()
    except OSError:
        return False
    return True

def kept_in():
    found = []
    first = threading.Thread(target=lambda: found.append(opens()))
    first.start()
    time.sleep(%(apart)g)
    found.append(opens())
    first.join()
    return found == [False, False]

if control:
    end = time.monotonic() + %(control)d
    while not opens():
        if time.monotonic() > end:
            sys.exit(%(never)d)
        time.sleep(0.1)
    print("open", flush=True)
end = time.monotonic() + %(patience)g + (%(control)d if control else 0)
while not kept_in():
    if time.monotonic() > end:
        sys.exit(%(still)d)
    time.sleep(0.1)
sys.exit(%(shut)d)
"""


def command(host: str, port: str, *, control: bool, patience: float = PATIENCE) -> list[str]:
    """The Pod's command. `$NAME` for host or port is read from the Pod's environment. With
    `control` it prints `open` once it could connect, and waits for the policy from then on."""
    values = {
        "control": CONTROL_WITHIN,
        "patience": patience,
        "apart": APART,
        "attempt": ATTEMPT,
        "shut": SHUT,
        "still": STILL_OPEN,
        "never": NEVER_OPEN,
    }
    how = "control" if control else "at once"
    return ["python", "-u", "-c", _PROGRAM % values, host, port, how]


NOT_ENFORCED = (
    "the cluster accepted the NetworkPolicy but does not enforce it: a canary still connects after "
    f"{PATIENCE} s. NetworkPolicies need a network plugin that enforces them (Calico, Cilium ...)"
)
