"""Whether a scenario has anything to do today, decided before anything is touched."""

from __future__ import annotations

from resilience.cluster.interface import Cluster
from resilience.engine.base.run_options import Options
from resilience.model.scenario import Scenario, flattened


def why_not(scenario: Scenario, cluster: Cluster, options: Options) -> str:
    """Which action of the scenario is not due, and why; "" when all are due. Without a seed the
    random decision of a run cannot be predicted, so everything counts as due."""
    seed = scenario.seed if options.seed is None else options.seed
    if seed is None:
        return ""
    namespace = scenario.namespace or options.namespace
    for step in flattened(scenario.when):
        random = options.stream(seed, step.path)
        if why := step.verb.due(step.parameters, step.path, cluster, namespace, random):
            return f"{step.title}: {why}"
    return ""
