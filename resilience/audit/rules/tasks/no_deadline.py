"""A CronJob that can miss a run, or run forever."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.proofs import scalar, steps
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.workloads import mapping
from resilience.kube import objects


def find(inventory: Inventory) -> Iterator[Hit]:
    """CronJobs without startingDeadlineSeconds, or whose Jobs have no activeDeadlineSeconds."""
    for cronjob in inventory.of("CronJob"):
        spec = mapping(cronjob, "spec")
        job = mapping(spec, "jobTemplate", "spec")
        ends = job.get("activeDeadlineSeconds") or mapping(job, "template", "spec").get(
            "activeDeadlineSeconds"
        )
        missing = [] if spec.get("startingDeadlineSeconds") else ["startingDeadlineSeconds"]
        missing += [] if ends else ["activeDeadlineSeconds"]
        if missing:
            yield Hit(cronjob, f"no {' and no '.join(missing)}")


def _prove(hit: Hit, inventory: Inventory) -> str:
    run = f"- run_job: {scalar(objects.name(hit.object))}", "  within: 10m"
    return steps("when", *run) + "\n" + steps("then", "- ready: all")


RULE = Rule(
    id="no-deadline",
    level=Level.WARNING,
    title="a CronJob without a deadline",
    reason=(
        "After 100 missed runs a CronJob without startingDeadlineSeconds starts no more Jobs, "
        "and a hanging Job blocks the next ones. The work is missing, and nothing has failed."
    ),
    remedy="Set startingDeadlineSeconds, and activeDeadlineSeconds in the job template.",
    link="https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#starting-deadline",
    source="pkg/controller/cronjob/utils.go",
    find=find,
    prove=_prove,
)
