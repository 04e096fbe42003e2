"""The run's `Sight`: tests its own cluster and its own views."""

from __future__ import annotations

from contextlib import ExitStack

from resilience.cluster.errors import ApiError, ClusterError, ServerTrouble
from resilience.cluster.interface import Cluster
from resilience.cluster.requests.request import Request
from resilience.engine.base.real_clock import EngineClock
from resilience.engine.base.run_options import Options
from resilience.engine.evidence.sight import ASK_WITHIN, Clear, Lookout, Sight
from resilience.engine.run.views import Views


def sight(
    options: Options, cluster: Cluster, views: Views, clock: EngineClock, stack: ExitStack
) -> Sight:
    """Tests from now on until the stack is closed; if no tests are needed, everything counts as
    seen."""
    if not options.lookout:
        return Clear()

    def answers() -> bool:
        return _answers(cluster) and not views.troubled()

    return stack.enter_context(Lookout(answers, clock.monotonic))


def _answers(cluster: Cluster) -> bool:
    """Whether the API server answers: a refusal is an answer."""
    try:
        cluster.send(Request("GET", "/version", timeout=ASK_WITHIN))
    except ServerTrouble:
        return False
    except ApiError:
        return True
    except ClusterError:
        return False
    return True
