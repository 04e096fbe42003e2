"""What a Service answers now: asked through the API server, once for each path."""

from __future__ import annotations

from collections.abc import Callable

from resilience.audit.base.workloads import workloads
from resilience.cluster.errors import ServerTrouble, Unreachable
from resilience.drafts.questions import Question, ask, baseline, candidates, path_of
from tests.audit.objects import container, deployment, service


class Asked:
    """Answers by path; what is no number is raised."""

    def __init__(self, answers: dict[str, int | Exception]) -> None:
        self.answers = answers
        self.paths: list[str] = []

    def answered(self, path: str, *, timeout: float = 5.0) -> int:
        self.paths.append(path)
        answer = self.answers.get(path.partition("/proxy")[2], 404)
        if isinstance(answer, Exception):
            raise answer
        return answer


def questions(**fields: object) -> list[Question]:
    [workload] = workloads([deployment(container=fields)])
    return list(candidates(service(), [workload]))


def test_what_the_kubelet_asks_is_asked_first() -> None:
    probe = {"httpGet": {"path": "/alive", "port": "http"}}
    found = questions(livenessProbe=probe)
    assert [each.path for each in found] == ["/ready", "/alive", "/"]
    assert {each.port for each in found} == {80}


def test_the_first_good_answer_is_taken_and_nothing_is_asked_twice() -> None:
    cluster = Asked({"/ready": 404, "/": 200})
    found = ask(cluster, "shop", questions())
    assert found is not None
    assert (found.path, found.status) == ("/", 200)
    assert len(cluster.paths) == len(set(cluster.paths)) == 2


def test_a_service_that_wants_a_password_is_at_work() -> None:
    found = ask(Asked({"/ready": 401}), "shop", questions())
    assert found is not None
    assert (found.path, found.status) == ("/ready", 401)


def test_what_speaks_no_http_keeps_its_port_and_the_reason() -> None:
    trouble = ServerTrouble(503, "no endpoints available")
    found = ask(Asked({"/ready": trouble, "/": Unreachable("gone")}), "shop", questions())
    assert found is not None
    assert (found.status, found.reason) == (0, "the API server says 503")
    assert ask(Asked({}), "shop", []) is None


def test_two_ports_of_one_name_are_asked_by_number() -> None:
    two = service()
    two["spec"]["ports"] = [{"name": "http", "port": 80}, {"name": "http", "port": 8443}]
    found = list(candidates(two, []))
    assert [(each.port, each.scheme) for each in found] == [(80, "http"), (8443, "https")]
    assert path_of("shop", found[1]) == "/api/v1/namespaces/shop/services/https:web:8443/proxy/"


def test_ports_that_are_not_tcp_are_not_asked() -> None:
    udp = service()
    udp["spec"]["ports"] = [{"port": 53, "protocol": "UDP"}, {"port": "broken"}, 3]
    assert list(candidates(udp, [])) == []


def test_a_baseline_counts_only_the_expected_status() -> None:
    """On virtual time: ten questions a second, of which every fourth fails."""
    now = [0.0]
    answers = iter([200, 200, 200, 500] * 25)

    class Timed(Asked):
        def answered(self, path: str, *, timeout: float = 5.0) -> int:
            now[0] += 0.02
            return next(answers)

    def sleep(seconds: float) -> None:
        now[0] += seconds

    clock: Callable[[], float] = lambda: now[0]  # noqa: E731
    question = Question(service="web", port=80, status=200)
    found = baseline(Timed({}), "shop", question, 4.0, clock=clock, sleep=sleep)
    assert 38 <= found.asked <= 41
    assert found.good == found.asked - found.asked // 4
    assert abs(found.p95 - 0.02) < 1e-6
    assert container()["name"] == "web"
