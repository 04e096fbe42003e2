"""A target: what may be touched on one cluster, narrow enough to begin with."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence


def draft(name: str, context: str, uid: str, namespaces: Sequence[str], *, nodes: bool) -> str:
    """TOML for resilience.toml."""
    key = name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name)
    held = ", ".join(json.dumps(each) for each in namespaces)
    return f"""\
# What scenarios may touch. Every key: docs/reference/targets.md
[targets.{key}]
context = {json.dumps(context)}
cluster = {json.dumps(uid)}  # uid of kube-system: a context's name proves nothing
namespaces = [{held}]  # nothing else is touched
nodes = {str(nodes).lower()}  # drains and node losses; false refuses them
max_nodes = 1  # of one run
max_share = "1/2"  # of the Pods of a namespace, in one run
# windows = ["* 9-16 * * mon-fri"]  # when actions are allowed; always if not set
# gate = {{ alertmanager = "http://alertmanager:9093", unless = "severity=critical" }}
"""
