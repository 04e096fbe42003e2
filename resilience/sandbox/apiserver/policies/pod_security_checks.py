"""The Pod Security Standards: what a Pod must not have at the levels baseline and restricted.

Source: k8s.io/pod-security-admission/policy, in its newest version. Each check is a pure function
from a Pod spec to the reason and detail of a violation. Profiles of SELinux, AppArmor and Windows
are not checked: nothing in the sandbox has them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

Spec = dict[str, Any]
Check = Callable[[Spec], "tuple[str, str] | None"]
_CAPABILITIES = frozenset((
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD",
    "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
))  # fmt: skip
_SYSCTLS = frozenset((
    "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range", "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem",
))  # fmt: skip
_VOLUMES = frozenset(
    {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim",
     "projected", "secret"}
)  # fmt: skip
FIELDS = ("initContainers", "containers", "ephemeralContainers")
"""Where a Pod's spec has containers."""
_PROFILES = ("RuntimeDefault", "Localhost")


def violations(level: str, spec: Spec) -> list[str]:
    """A Pod's violations of a level, as they are printed; none at the level privileged."""
    checks = {"baseline": _BASELINE, "restricted": _RESTRICTED}.get(level, ())
    found = [violation for check in checks if (violation := check(spec)) is not None]
    return [f"{reason} ({detail})" for reason, detail in found]


def _containers(spec: Spec) -> Iterator[tuple[str, Spec]]:
    """Name and spec of all containers, of every kind."""
    for field in FIELDS:
        for container in spec.get(field) or ():
            yield container.get("name", ""), container


def _context(container: Spec) -> Spec:
    return container.get("securityContext") or {}


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(json.dumps(name) for name in names)


def _these(kind: str, names: list[str]) -> str:
    return f"{kind}{'s' if len(names) != 1 else ''} {_quoted(names)}"


def _host_namespaces(spec: Spec) -> tuple[str, str] | None:
    found = [f"{field}=true" for field in ("hostNetwork", "hostPID", "hostIPC") if spec.get(field)]
    return ("host namespaces", ", ".join(found)) if found else None


def _host_paths(spec: Spec) -> tuple[str, str] | None:
    found = [volume["name"] for volume in spec.get("volumes") or () if "hostPath" in volume]
    return ("hostPath volumes", _these("volume", found)) if found else None


def _host_ports(spec: Spec) -> tuple[str, str] | None:
    bad: list[str] = []
    ports: set[str] = set()
    for name, container in _containers(spec):
        here = {str(p["hostPort"]) for p in container.get("ports") or () if p.get("hostPort")}
        ports |= here
        bad += [name] if here else []
    if not bad:
        return None
    uses, word = "use" if len(bad) > 1 else "uses", "hostPorts" if len(ports) > 1 else "hostPort"
    return "hostPort", f"{_these('container', bad)} {uses} {word} {', '.join(sorted(ports))}"


def _privileged(spec: Spec) -> tuple[str, str] | None:
    bad = [name for name, container in _containers(spec) if _context(container).get("privileged")]
    why = "must not set securityContext.privileged=true"
    return ("privileged", f"{_these('container', bad)} {why}") if bad else None


def _added(spec: Spec, allowed: frozenset[str]) -> tuple[list[str], list[str]]:
    """Containers that add capabilities that are not allowed, with those capabilities."""
    bad: list[str] = []
    added: set[str] = set()
    for name, container in _containers(spec):
        here = set((_context(container).get("capabilities") or {}).get("add") or ()) - allowed
        added |= here
        bad += [name] if here else []
    return bad, sorted(added)


def _default_capabilities(spec: Spec) -> tuple[str, str] | None:
    bad, added = _added(spec, _CAPABILITIES)
    if not bad:
        return None
    why = f"must not include {_quoted(added)} in securityContext.capabilities.add"
    return "non-default capabilities", f"{_these('container', bad)} {why}"


def _few_capabilities(spec: Spec) -> tuple[str, str] | None:
    keeping = [
        name
        for name, container in _containers(spec)
        if "ALL" not in ((_context(container).get("capabilities") or {}).get("drop") or ())
    ]
    details = []
    if keeping:
        why = 'must set securityContext.capabilities.drop=["ALL"]'
        details.append(f"{_these('container', keeping)} {why}")
    bad, added = _added(spec, frozenset({"NET_BIND_SERVICE"}))
    if bad:
        why = f"must not include {_quoted(added)} in securityContext.capabilities.add"
        details.append(f"{_these('container', bad)} {why}")
    return ("unrestricted capabilities", "; ".join(details)) if details else None


def _proc_mount(spec: Spec) -> tuple[str, str] | None:
    bad = {
        name: _context(container)["procMount"]
        for name, container in _containers(spec)
        if _context(container).get("procMount") not in (None, "Default")
    }
    if not bad:
        return None
    why = f"must not set securityContext.procMount to {_quoted(sorted(set(bad.values())))}"
    return "procMount", f"{_these('container', list(bad))} {why}"


def _sysctls(spec: Spec) -> tuple[str, str] | None:
    given = [entry["name"] for entry in (spec.get("securityContext") or {}).get("sysctls") or ()]
    bad = [name for name in given if name not in _SYSCTLS]
    return ("forbidden sysctls", ", ".join(bad)) if bad else None


def _escalation(spec: Spec) -> tuple[str, str] | None:
    bad = [
        name
        for name, container in _containers(spec)
        if _context(container).get("allowPrivilegeEscalation") is not False
    ]
    why = "must set securityContext.allowPrivilegeEscalation=false"
    return (
        ("allowPrivilegeEscalation != false", f"{_these('container', bad)} {why}") if bad else None
    )


def _volume_types(spec: Spec) -> tuple[str, str] | None:
    bad = {
        volume["name"]: kind
        for volume in spec.get("volumes") or ()
        for kind in sorted(set(volume) - {"name"} - _VOLUMES)[:1]
    }
    if not bad:
        return None
    kinds = sorted(set(bad.values()))
    uses, plural = "use" if len(bad) > 1 else "uses", "s" if len(kinds) > 1 else ""
    why = f"{uses} restricted volume type{plural} {_quoted(kinds)}"
    return "restricted volume types", f"{_these('volume', list(bad))} {why}"


def _non_root(spec: Spec) -> tuple[str, str] | None:
    whole = (spec.get("securityContext") or {}).get("runAsNonRoot")
    asked = {name: _context(container).get("runAsNonRoot")
             for name, container in _containers(spec)}  # fmt: skip
    setters = ["pod"] if whole is False else []
    explicit = [name for name, value in asked.items() if value is False]
    setters += [_these("container", explicit)] if explicit else []
    reason = "runAsNonRoot != true"
    if setters:
        return reason, f"{' and '.join(setters)} must not set securityContext.runAsNonRoot=false"
    missing = [name for name, value in asked.items() if value is None and not whole]
    if not missing:
        return None
    return (
        reason,
        f"pod or {_these('container', missing)} must set securityContext.runAsNonRoot=true",
    )


def _user(spec: Spec) -> tuple[str, str] | None:
    setters = ["pod"] if (spec.get("securityContext") or {}).get("runAsUser") == 0 else []
    bad = [name for name, container in _containers(spec)
           if _context(container).get("runAsUser") == 0]  # fmt: skip
    setters += [_these("container", bad)] if bad else []
    if not setters:
        return None
    return "runAsUser=0", f"{' and '.join(setters)} must not set runAsUser=0"


def _seccomp(spec: Spec) -> tuple[str, str] | None:
    setters, _ = _profiles(spec, lambda kind: kind == "Unconfined")
    if not setters:
        return None
    why = 'must not set securityContext.seccompProfile.type to "Unconfined"'
    return "seccompProfile", f"{' and '.join(setters)} {why}"


def _seccomp_set(spec: Spec) -> tuple[str, str] | None:
    setters, missing = _profiles(spec, lambda kind: kind not in _PROFILES)
    if setters:
        why = f"must not set securityContext.seccompProfile.type to {_quoted(['Unconfined'])}"
        return "seccompProfile", f"{' and '.join(setters)} {why}"
    if missing:
        why = 'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
        return "seccompProfile", f"pod or {_these('container', missing)} {why}"
    return None


def _profiles(spec: Spec, is_bad: Callable[[str], bool]) -> tuple[list[str], list[str]]:
    """Where a forbidden profile is set, and the containers without a profile."""
    whole = ((spec.get("securityContext") or {}).get("seccompProfile") or {}).get("type")
    asked = {name: (_context(container).get("seccompProfile") or {}).get("type")
             for name, container in _containers(spec)}  # fmt: skip
    setters = ["pod"] if whole is not None and is_bad(whole) else []
    bad = [name for name, kind in asked.items() if kind is not None and is_bad(kind)]
    setters += [_these("container", bad)] if bad else []
    return setters, [name for name, kind in asked.items() if kind is None and whole is None]


_BASELINE: tuple[Check, ...] = (
    _default_capabilities, _host_namespaces, _host_paths, _host_ports, _privileged, _proc_mount,
    _seccomp, _sysctls,
)  # fmt: skip
_RESTRICTED: tuple[Check, ...] = (
    _host_namespaces, _host_ports, _privileged, _proc_mount, _sysctls, _escalation,
    _few_capabilities, _volume_types, _non_root, _user, _seccomp_set,
)  # fmt: skip
"""The checks of `restricted`: those of `baseline` without a stricter version, then its own."""
