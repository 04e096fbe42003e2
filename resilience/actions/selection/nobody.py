"""Why a step has no victim: which Pods there are instead, and what removed them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from resilience.actions.selection.choice import PodChoice
from resilience.actions.selection.victim_filters import Surroundings
from resilience.cluster.interface import Object
from resilience.kube import objects, pod_state
from resilience.model.nearest import asked, did_you_mean
from resilience.model.words import many

MOST_ENDED = 3
MOST_LABELS = 8
"""Labels listed in one message."""

_GENERATED = (
    "pod-template-hash",
    "controller-revision-hash",
    "controller-uid",
    "batch.kubernetes.io/controller-uid",
)


def nobody(pods: Sequence[Object], choice: PodChoice, around: Surroundings) -> str:
    if ended := _ended(pods, choice):
        return (
            f"no living Pod in {around.place}{_matching(choice)}: {'; '.join(ended)}; "
            "nothing was harmed"
        )
    dying = sum(1 for pod in pods if objects.is_terminating(pod))
    are = "there is" if len(pods) == 1 else "there are"
    there = (
        f"{are} {many(len(pods), 'Pod')} ({names_of(pods)})" if pods else f"{are} no Pods at all"
    )
    if dying:
        there += f", {dying} of them terminating"
    shown, meant = _labels(pods, choice)
    return (
        f"no living Pod in {around.place}{_matching(choice)}; {there}{shown}; nothing was harmed"
        f"{meant}"
    )


def _ended(pods: Sequence[Object], choice: PodChoice) -> list[str]:
    """Those that the step names and that live no longer: no label is misspelled then."""
    if choice.pods is None:
        return []
    return [
        f"{objects.title(pod)} is {pod_state.of(pod).text}"
        for pod in pods
        if choice.pods.matches(objects.labels(pod)) and not objects.is_ours(pod)
    ][:MOST_ENDED]


def _matching(choice: PodChoice, verb: str = "matches") -> str:
    return f" {verb} {choice.which}" if choice.which else ""


def _labels(pods: Sequence[Object], choice: PodChoice) -> tuple[str, str]:
    """The labels that exist instead, and the one that was probably meant."""
    if choice.pods is None:
        return "", ""
    found = {
        f"{key}={value}"
        for pod in pods
        for key, value in objects.labels(pod).items()
        if key not in _GENERATED
    }
    if not found:
        return "", ""
    listed = sorted(found)
    shown = ", ".join(listed[:MOST_LABELS]) + (", ..." if len(listed) > MOST_LABELS else "")
    by_value = [each for each in listed if each.partition("=")[2] == str(choice.pods)]
    meant = asked(by_value[:1]) or did_you_mean(str(choice.pods), listed)
    return f"; their labels: {shown}", meant


def all_dropped(
    matched: Sequence[Object], dropped: Mapping[str, int], choice: PodChoice, around: Surroundings
) -> str:
    reasons = ", ".join(f"{count} by {name}" for name, count in dropped.items())
    verb = "matches" if len(matched) == 1 else "match"
    return (
        f"{many(len(matched), 'Pod')} in {around.place}"
        f"{_matching(choice, verb)} ({names_of(matched)}), but none is left after filtering:"
        f" {reasons}. "
        f"Nothing was harmed"
    )


def names_of(pods: Sequence[Object]) -> str:
    names = [objects.name(pod) for pod in pods[:5]]
    return ", ".join(names) + (", ..." if len(pods) > 5 else "")
