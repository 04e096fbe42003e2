"""`resilience init ci`, `init plan` and `init target`: files around scenarios."""

from __future__ import annotations

import argparse
from pathlib import Path

from resilience.commands import CommandError, settings
from resilience.drafts import ci_draft, plan_draft

GITHUB = Path(".github/workflows/resilience.yaml")
GITLAB = Path(".gitlab-ci.yml")


def ci(options: argparse.Namespace) -> int:
    """A workflow for GitHub, or a job for GitLab."""
    from resilience.commands.init_namespace import save

    namespace = settings(options).namespace
    made = ci_draft.gitlab if options.gitlab else ci_draft.github
    path = GITLAB if options.gitlab else GITHUB
    return save(
        {path: made("scenarios/", namespace)}, ["add your application at the comment in it"]
    )


def plan(options: argparse.Namespace) -> int:
    """A plan for one namespace of a cluster."""
    from resilience.commands.audit import from_cluster
    from resilience.commands.init_namespace import save
    from resilience.commands.schema import schema_text

    given = settings(options)
    inventory, _, _ = from_cluster(given)
    users = [
        each
        for each in inventory.workloads
        if each.namespace == given.namespace and plan_draft.claims_of(each)
    ]
    path = Path("backups") / f"{given.namespace}.plan.yaml"
    text = plan_draft.draft(given.namespace, users, file=str(path), context=given.context)
    files = {path: text, path.parent / "plan.schema.json": schema_text("plan")}
    return save(files, ["see what would be taken: resilience backup create --help"])


def target(options: argparse.Namespace) -> int:
    """A target for a context."""
    from resilience.cluster import open_context
    from resilience.cluster.interface import NODES
    from resilience.commands.init_namespace import save, target_text

    given = settings(options)
    with open_context(given.context, given.kubeconfig) as cluster:
        if cluster.is_sandbox:
            raise CommandError(
                "this is a sandbox, which needs no target: anything may be changed there"
            )
        nodes = len(cluster.list(NODES)) > 1
        text = target_text(cluster, [given.namespace], nodes=nodes)
    return save({Path("resilience.toml"): text}, ["read it: it is your consent"])
