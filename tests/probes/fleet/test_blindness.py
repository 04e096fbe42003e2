"""One agent that is cut off is about its node; what most agents meet is the service's."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as some

from resilience.model.samples import Answer
from resilience.model.verdict import Window
from resilience.probes.fleet.blindness import IN_A_ROW, SILENCE, sight
from resilience.probes.fleet.merging import AgentSamples
from tests.probes.fleet.test_merging import INTERVAL, seen

G, T, R = Answer.GOOD, Answer.TIMEOUT, Answer.REFUSED
LENGTH = 60
WINDOW = Window(since=1000.0, until=1000 + LENGTH * INTERVAL)


def fleet(*answers: list[Answer]) -> list[AgentSamples]:
    return [seen(index, 1000.0, each) for index, each in enumerate(answers)]


def spoilt(answer: Answer, first: int, count: int) -> list[Answer]:
    return [G] * first + [answer] * count + [G] * (LENGTH - first - count)


GOOD = [G] * LENGTH


@pytest.mark.parametrize("silence", [each for each in Answer if each in SILENCE])
def test_an_agent_that_hears_nothing_while_the_others_do_is_cut_off(silence: Answer) -> None:
    found = sight(fleet(GOOD, spoilt(silence, 20, 15), GOOD), WINDOW)
    assert [agent.index for agent in found.judging] == [0, 2]
    [blind] = found.blind
    [(since, until, count)] = blind.cut
    assert (blind.agent.index, count, found.seen) == (1, 15, True)
    assert (since, until) == pytest.approx((1000 + 20 * INTERVAL, 1000 + 35 * INTERVAL))


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param(spoilt(R, 20, 15), id="refused"),
        pytest.param(spoilt(Answer.RESET, 20, 15), id="reset"),
        pytest.param(spoilt(Answer.STATUS, 20, 15), id="a wrong status"),
        pytest.param(spoilt(T, 20, IN_A_ROW - 1), id="too few"),
        pytest.param([T, G] * (LENGTH // 2), id="every other one"),
    ],
)
def test_what_is_answered_or_short_counts_against_the_service(answers: list[Answer]) -> None:
    found = sight(fleet(GOOD, answers, GOOD), WINDOW)
    assert ([agent.index for agent in found.judging], found.blind) == ([0, 1, 2], [])


@pytest.mark.parametrize(
    ("length", "lost", "cut"), [(12, 1, True), (12, 2, False), (20, 2, True), (20, 3, False)]
)
def test_one_request_in_ten_that_others_lose_hides_no_cut(
    length: int, lost: int, cut: bool
) -> None:
    other = spoilt(T, 22, lost)
    found = sight(fleet(other, spoilt(T, 20, length), other), WINDOW)
    assert bool(found.blind) is cut
    assert [agent.index for agent in found.judging] == ([0, 2] if cut else [0, 1, 2])


@pytest.mark.parametrize(
    "lost",
    [
        pytest.param([], id="it measured nothing"),
        pytest.param([G] * 15, id="it was lost before"),
        pytest.param([G] * 15 + [Answer.UNSENT] * 30 + [G] * 15, id="it sent nothing"),
    ],
)
def test_agents_that_measured_nothing_meanwhile_are_no_witnesses(lost: list[Answer]) -> None:
    agents = fleet(GOOD, spoilt(T, 20, 15), lost, lost)
    assert [each.agent.index for each in sight(agents, WINDOW).blind if each.cut] == [1]
    alone = fleet(lost, spoilt(T, 20, 15), lost)
    assert [each for each in sight(alone, WINDOW).blind if each.cut] == []


def late(by: float, answers: list[Answer], index: int = 0) -> AgentSamples:
    """An agent of which requests 20 to 39 left when all of them were over."""
    on_time = seen(index, 1000.0, answers)
    over = 1000.0 + 40 * INTERVAL + by
    samples = [replace(each, sent=over, ended=over + 0.01) if 20 <= each.seq < 40 else each
               for each in on_time.samples]  # fmt: skip
    return replace(on_time, samples=samples)


def test_answers_to_requests_that_were_sent_later_contradict_no_silence() -> None:
    agents = [late(0.0, GOOD), *fleet([], spoilt(T, 20, 15))]
    assert [each for each in sight(agents, WINDOW).blind if each.cut] == []


def test_requests_that_were_sent_at_once_are_no_silence() -> None:
    agents = [late(0.0, spoilt(T, 20, 20), 1), seen(0, 1000.0, GOOD)]
    assert [each for each in sight(agents, WINDOW).blind if each.cut] == []


def test_an_unknown_moment_ends_no_silence_and_is_not_counted() -> None:
    silent = spoilt(T, 20, 11)
    silent[25] = Answer.UNSENT
    [found] = sight(fleet(GOOD, silent), WINDOW).blind
    assert [count for _, _, count in found.cut] == [10]
    silent[26] = Answer.UNSENT
    assert sight(fleet(GOOD, silent), WINDOW).blind == []


@pytest.mark.parametrize(("good", "cut"), [(9, True), (8, False)])
def test_a_witness_that_was_lost_as_the_silence_began_is_no_evidence(good: int, cut: bool) -> None:
    found = sight(fleet([G] * (20 + good), spoilt(T, 20, 30)), WINDOW)
    assert [each.agent.index for each in found.blind if each.cut] == ([1] if cut else [])


@pytest.mark.parametrize(("silent", "cut"), [(14, True), (15, False)])
def test_witnesses_count_for_what_they_knew(silent: int, cut: bool) -> None:
    """One saw a good service for 15 requests, the other its failure for so many."""
    sees = [*seen(0, 1000.0, [G] * 35).samples]
    fails = seen(2, 1000.0, [G] * 20 + [R] * silent)
    agents = [seen(1, 1000.0, spoilt(T, 20, 30)), replace(fails, index=2),
              replace(fails, index=0, samples=sees)]  # fmt: skip
    assert [each.agent.index for each in sight(agents, WINDOW).blind if each.cut] == (
        [1] if cut else []
    )


@pytest.mark.parametrize(
    ("due", "sent", "answer", "left_out"),
    [
        pytest.param(16, 19.6, T, True, id="sent in the cut"),
        pytest.param(15, 17.4, T, False, id="sent before the cut"),
        pytest.param(33, 34.4, T, True, id="sent at the end of the cut"),
        pytest.param(33, 36.0, T, False, id="sent after the cut"),
        pytest.param(30, 33.0, G, False, id="answered"),
    ],
)
def test_a_late_request_is_left_out_if_it_was_sent_while_the_agent_was_cut_off(
    due: int, sent: float, answer: Answer, left_out: bool
) -> None:
    cut = seen(1, 1000.0, spoilt(T, 20, 15))
    late = replace(cut.samples[due], sent=1000.0 + sent * INTERVAL, answer=answer)
    own = replace(cut, samples=[late if each.seq == due else each for each in cut.samples])
    found = sight([seen(0, 1000.0, [G] * 45), own], WINDOW)
    assert found.seen is False
    told = found.judging[1].samples[due]
    assert told == (replace(late, sent=None, answer=Answer.UNSENT) if left_out else late)


def replaced(index: int, after: int) -> list[AgentSamples]:
    """An agent whose first Pod ended after so many requests and whose second went on from there."""
    late = 1000.0 + after * INTERVAL
    return [seen(index, 1000.0, [G] * after), seen(index, late, [G] * (LENGTH - after))]


def test_the_pods_of_one_agent_are_one_witness() -> None:
    cut = seen(1, 1000.0, spoilt(T, 40, 12))
    agents = [*replaced(0, 20), cut]
    [found] = [each for each in sight(agents, WINDOW).blind if each.cut]
    assert found.agent is cut
    alone = [*replaced(0, 20), cut, seen(2, 1000.0, spoilt(R, 40, 12))]
    assert [each for each in sight(alone, WINDOW).blind if each.cut] == []


def test_the_pod_before_is_no_witness_of_its_own_agent() -> None:
    before, after = replaced(1, 20)
    cut = seen(1, after.start, spoilt(T, 10, 12)[: LENGTH - 20])
    [found] = [each for each in sight([seen(0, 1000.0, GOOD), before, cut], WINDOW).blind
               if each.cut]  # fmt: skip
    assert found.agent is cut


def test_a_kept_connection_to_a_dead_pod_is_no_cut() -> None:
    found = sight(fleet(GOOD, spoilt(T, 20, 15), GOOD), WINDOW, kept=True)
    assert found.blind == []


@pytest.mark.parametrize(("good", "silent", "cut"), [(1, 2, 0), (2, 2, 2), (1, 1, 1), (2, 3, 0)])
def test_what_more_than_half_of_the_agents_meet_is_the_services(
    good: int, silent: int, cut: int
) -> None:
    found = sight(fleet(*[GOOD] * good, *[spoilt(T, 20, 15)] * silent), WINDOW)
    assert len(found.blind) == cut


def test_of_a_service_that_is_down_for_all_nobody_is_cut_off() -> None:
    found = sight(fleet(*[spoilt(T, 20, 15)] * 4), WINDOW)
    assert (len(found.judging), found.blind) == (4, [])


def test_a_zone_of_two_agents_among_five_can_be_cut_off() -> None:
    cut = spoilt(T, 20, 15)
    found = sight(fleet(GOOD, cut, GOOD, cut, GOOD), WINDOW)
    assert [agent.index for agent in found.judging] == [0, 2, 4]
    assert [each.agent.index for each in found.blind] == [1, 3]


def test_an_agent_that_measured_a_part_is_blind_for_the_rest() -> None:
    found = sight(fleet(GOOD, [G] * 20), WINDOW)
    [blind] = found.blind
    assert blind.missing == pytest.approx(40 * INTERVAL, abs=2 * INTERVAL)
    assert [agent.index for agent in found.judging] == [0]


def test_agents_that_were_all_blind_in_turn_judge_by_what_they_saw() -> None:
    found = sight(fleet(spoilt(T, 5, 12), spoilt(T, 40, 12)), WINDOW)
    assert found.seen is False
    answers = [each.answer for agent in found.judging for each in agent.samples]
    assert T not in answers
    assert answers.count(Answer.UNSENT) == 24


def test_what_they_lost_while_they_were_connected_stays_with_them() -> None:
    first, second = spoilt(T, 5, 12), spoilt(T, 40, 12)
    first[30] = second[30] = T
    answers = [each.answer for agent in sight(fleet(first, second), WINDOW).judging
               for each in agent.samples]  # fmt: skip
    assert (answers.count(T), answers.count(Answer.UNSENT)) == (2, 24)


def test_who_measured_nothing_in_the_window_does_not_judge_it() -> None:
    before = seen(0, 1000.0 - 20 * INTERVAL, [G] * 15)
    cut = fleet(spoilt(T, 5, 12), spoilt(T, 40, 12))
    found = sight([before, *(replace(each, index=each.index + 1) for each in cut)], WINDOW)
    assert [agent.index for agent in found.judging] == [1, 2]


def anything(seed: int) -> list[Answer]:
    """Runs of one answer each, as faults make them."""
    chance = Random(seed)
    found: list[Answer] = []
    while len(found) < LENGTH:
        found += [chance.choice((G, G, T, R))] * chance.randint(1, 25)
    return found[:LENGTH]


@given(some.lists(some.integers(0, 1 << 16), min_size=1, max_size=5))
def test_no_answer_that_came_is_ever_hidden(seeds: list[int]) -> None:
    """Each agent either judges with all its samples, or has a row of its own."""
    agents = fleet(*map(anything, seeds))
    found = sight(agents, WINDOW)
    judging = {agent.index for agent in found.judging}
    assert judging | {each.agent.index for each in found.blind} == set(range(len(agents)))
    if found.seen:
        assert judging.isdisjoint({each.agent.index for each in found.blind})
        assert all(list(agent.samples) == list(agents[agent.index].samples)
                   for agent in found.judging)  # fmt: skip


@given(some.integers(0, 1 << 16))
def test_without_a_witness_nobody_is_cut_off(seed: int) -> None:
    answers = anything(seed)
    assert sight(fleet(answers), WINDOW).blind == []
    assert sight(fleet(answers, answers), WINDOW).blind == []
