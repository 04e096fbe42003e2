"""Which user a container runs as, and the refusal of root under `runAsNonRoot`.

Every Pod really runs as the user of the sandbox: what a container asks for is checked and reported,
not carried out. Source: verifyRunAsNonRoot in pkg/kubelet/kuberuntime/security_context.go.
"""

from __future__ import annotations

from typing import Any

from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kubelet.setup.environment import ConfigError


def verify(pod: Obj, container: Obj, user: str | None) -> None:
    """ConfigError where `runAsNonRoot` is set and nothing says that `user`, the image's, is not
    root. An unknown user (None) passes, as the manifest says."""
    asked = _context(pod["spec"], container)
    if not asked.get("runAsNonRoot"):
        return
    number = asked.get("runAsUser")
    if number is not None:
        wrong = "" if number else "container's runAsUser breaks non-root policy"
    elif user is None:
        wrong = ""
    elif not user.isdecimal():
        wrong = (
            f"container has runAsNonRoot and image has non-numeric user ({user}), cannot verify"
            " user is non-root"
        )
    else:
        wrong = "" if int(user) else "container has runAsNonRoot and image will run as root"
    if wrong:
        raise ConfigError(f'{wrong} (pod: "{_long_name(pod)}", container: {container["name"]})')


def reported(spec: Obj, container: Obj, user: str | None) -> dict[str, str]:
    """The user that programs of the images report (`id`); {} for root by default."""
    asked = _context(spec, container)
    number, group = asked.get("runAsUser"), asked.get("runAsGroup")
    if number is None and user and user.isdecimal() and int(user):
        number = int(user)
    if number is None and group is None:
        return {}
    return {"RESILIENCE_USER": f"{number or 0}:{group or 0}"}


def _context(spec: Obj, container: Obj) -> dict[str, Any]:
    """The Pod's security context, overridden by the container's."""
    own = container.get("securityContext") or {}
    return {**(spec.get("securityContext") or {}), **own}


def _long_name(pod: Obj) -> str:
    meta = pod["metadata"]
    return f"{meta['name']}_{meta['namespace']}({meta['uid']})"
