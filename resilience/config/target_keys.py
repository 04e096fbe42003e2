"""The keys of a target: the form of each, and what it is for.

`resilience.config.targets` parses with this table, and docs/reference/targets.md is made from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Key:
    """`words` describe what `fits` accepts; `default` is the value of a key that is left out."""

    words: str
    fits: Callable[[Any], bool]
    about: str
    example: str
    default: str = ""


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(part, str) for part in value)


def _is_number(value: Any) -> bool:
    return type(value) is int and value >= 1


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _text(about: str, example: str, default: str = "") -> Key:
    return Key("text", _is_text, about, f'"{example}"', default)


def _texts(about: str, example: str, default: str = "") -> Key:
    return Key("a list of texts", _is_texts, about, example, default)


def _number(about: str, example: str, default: str = "no limit") -> Key:
    return Key("a whole number, at least 1", _is_number, about, example, default)


def _flag(about: str) -> Key:
    return Key("true or false", _is_flag, about, "true", "`false`")


KEYS: Mapping[str, Key] = {
    "context": _text(
        "A kubeconfig context for the cluster, or `in-cluster`.", "staging", "required"
    ),
    "cluster": _text(
        "The uid of its namespace `kube-system`: `kubectl get namespace kube-system -o"
        " jsonpath={.metadata.uid}`. A run whose context leads elsewhere is refused.",
        "5f0d3c5e-0c5b-4d8e-9a55-7f1c5b7a2d11",
        "required",
    ),
    "namespaces": _texts(
        "Namespaces that a run may change, and create if they do not exist. `kube-system`,"
        " `kube-public` and `kube-node-lease` only if they are listed here.",
        '["shop"]',
        "namespaces that consent by label",
    ),
    "namespace_selectors": _texts(
        "Namespaces with these labels as well, but never system namespaces.",
        '["team=shop,stage!=prod"]',
        "none",
    ),
    "nodes": _flag(
        "Whether a run may change nodes (cordon, taint, drain, stop), and apply or restore Pods"
        " that reach into their node."
    ),
    "cluster_scoped": _texts(
        "Objects outside of namespaces that a run may write, as `RESOURCE.GROUP` or"
        " `RESOURCE.GROUP/NAME`; nodes and namespaces have keys of their own.",
        '["clusterroles.rbac.authorization.k8s.io/shop-reader"]',
        "none",
    ),
    "max_pods": _number("The number of Pods that one run may harm, over all its steps.", "5"),
    "max_nodes": _number("The number of nodes that one run may touch.", "1"),
    "max_share": Key(
        'a share such as "1/3" or "30%"',
        _is_text,
        "The share of a namespace's Pods that one run may harm, rounded down.",
        '"1/3"',
        "no limit",
    ),
    "windows": _texts(
        "When actions are allowed, as cron ranges: whole minutes that match; the last one counts.",
        '["* 9-16 * * mon-fri"]',
        "always",
    ),
    "timezone": _text("The IANA time zone of windows and blackout.", "Europe/Berlin", "`UTC`"),
    "blackout": _texts(
        "Days on which nothing may be touched, first and last included; wins over windows.",
        '["2026-12-24/2027-01-02"]',
        "none",
    ),
    "rate": Key(
        'a rate such as "20/s"',
        _is_text,
        "Requests per second of actions, on average. The undo has its own budget of the same size.",
        '"50/s"',
        "`20/s`",
    ),
    "burst": _number("Requests of actions in one burst.", "100", "`40`"),
    "gate": Key(
        "a table",
        lambda value: isinstance(value, dict),
        "Queried before each action: `prometheus` or `alertmanager`, a URL, and `unless`, a query"
        " or filter. A non-empty result, or no answer, refuses the action.",
        '{prometheus = "http://prometheus:9090", unless = "ALERTS{severity=\'critical\'}"}',
        "none",
    ),
    "driver": Key(
        "a list of texts, or a table",
        lambda value: _is_texts(value) or isinstance(value, dict),
        "How to stop and start nodes, for `node_down` and `reboot`: a driver that is ready to use"
        ' (`kind`, see below), or a command such as `["./power.sh", "staging"]`, called with'
        " `down`, `up` or `reboot` and the node's name appended.",
        '{kind = "ec2", region = "eu-central-1"}',
        "none",
    ),
    "privileged": _flag(
        "Whether `crash` may run a short-lived Pod in a node's host process namespace."
    ),
    "real_time_prober": _flag(
        "Whether probers in Pods run as root with the one capability `SYS_NICE`, and take a"
        " real-time priority: on a node with busy neighbours they still send on time. Their"
        " namespace has to admit PodSecurity level `privileged`."
    ),
    "helper_image": _text(
        "The image of helper Pods (probers, canaries, volume and node helpers) on this cluster, for"
        " instance from a mirror. Any image with Python 3.11 or later on its PATH works.",
        "registry.example.com/mirror/python:3.13-slim",
        "the option `helper_image`",
    ),
}
