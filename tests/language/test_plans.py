"""Values of a plan that are more than their type."""

from __future__ import annotations

from pathlib import Path

import pytest

from resilience.language import Loaded, load
from tests.language.real import REAL
from tests.language.test_door import read

PLAN = "plan: shop\nnamespaces: [shop]\nstore: file:./data\n"


def read_real(text: str) -> Loaded:
    return load(Path("a.plan.yaml"), text.encode(), REAL, {})


def told(more: str) -> list[str]:
    return [problem.message for problem in read(PLAN + more).problems]


@pytest.mark.parametrize(
    "schedule",
    [
        "0 2 * * *",
        "*/5 * * * *",
        "0 0 1 jan sun",
        "0 9-17/2 * * MON-FRI",
        "15,45 0,12 1-15 * 7",
        "@daily",
        "@hourly",
        "59 23 31 12 6",
        "0 0 1 * mon,wed,fri",
    ],
)
def test_a_schedule_that_cron_reads(schedule: str) -> None:
    assert told(f'schedule: "{schedule}"\n') == []


@pytest.mark.parametrize(
    ("schedule", "says"),
    [
        ("0 3 31 2 *", "`schedule` is `0 3 31 2 *`"),
        ("0 3 30 feb *", "`schedule` is `0 3 30 feb *`"),
        ("0 3 31 4,6 *", "`schedule` is `0 3 31 4,6 *`"),
        ("CRON_TZ=Europe/Paris 0 3 * * *", "`schedule` is `CRON_TZ=Europe/Paris 0 3 * * *`"),
        ("60 2 * * *", "the minute of the schedule is `60`"),
        ("0 24 * * *", "the hour of the schedule is `24`"),
        ("0 2 0 * *", "the day of the month of the schedule is `0`"),
        ("0 2 * 13 *", "the month of the schedule is `13`"),
        ("0 2 * * 8", "the day of the week of the schedule is `8`"),
        ("0 17-9 * * *", "the hour of the schedule is `17-9`"),
        ("*/0 * * * *", "the minute of the schedule is `*/0`"),
        ("*-5 * * * *", "the minute of the schedule is `*-5`"),
        ("0 2 * * funday", "the day of the week of the schedule is `funday`"),
        ("0 2 * *", "`schedule` is `0 2 * *`"),
        ("@fortnightly", "`schedule` is `@fortnightly`"),
        ("every day", "`schedule` is `every day`"),
    ],
)
def test_a_schedule_that_cron_does_not_read(schedule: str, says: str) -> None:
    assert told(f'schedule: "{schedule}"\n') == [says]


@pytest.mark.parametrize("store", ["s3://backups", "s3://backups/a/b", "file:./x", "file:///x/y"])
def test_a_store_is_a_bucket_or_a_folder(store: str) -> None:
    assert read(PLAN.replace("file:./data", store)).problems == ()


@pytest.mark.parametrize("store", ["./x", "gs://b", "s3:/b", "s3://B", "file:", "http://x"])
def test_a_store_of_an_unknown_kind_is_a_problem(store: str) -> None:
    (problem,) = read(PLAN.replace("file:./data", f'"{store}"')).problems
    assert problem.message == f"`store` is `{store}`"


@pytest.mark.parametrize("into", ["Shop", "shop_drill", "-x", "x" * 64, "${namespace}_"])
def test_a_drill_goes_into_a_namespace_that_kubernetes_accepts(into: str) -> None:
    (message,) = told(f'drill: {{into: "{into}", then: [{{ready: all}}]}}\n')
    assert message.startswith("the drill restores into `")


@pytest.mark.parametrize(("length", "long"), [(57, False), (58, True), (63, True)])
def test_a_scratch_namespace_is_no_longer_than_kubernetes_allows(length: int, long: bool) -> None:
    text = PLAN.replace("[shop]", f"[{'n' * length}]") + "drill: {then: [{ready: all}]}\n"
    found = [problem.message for problem in read(text).problems]
    assert [f"a name of {length + 6} characters" in each for each in found] == [True] * long


@pytest.mark.parametrize(
    ("namespaces", "into"),
    [
        ("[shop]", "shop"),
        ("[shop]", "${namespace}"),
        ("[shop, shop-drill]", "${namespace}-drill"),
        ("[a, b]", "b"),
        ("[team-*]", "team-drill"),
        ("[team-*]", "${namespace}-drill"),
        ("['*']", "drill"),
    ],
)
def test_a_drill_never_goes_where_the_plan_takes_from(namespaces: str, into: str) -> None:
    text = PLAN.replace("[shop]", namespaces)
    more = f'drill: {{into: "{into}", then: [{{ready: all}}]}}\n'
    (problem,) = read(text + more).problems
    assert problem.message.endswith("`, which the plan backs up")
    assert read(text + more + "exclude: {namespaces: ['*']}\n").problems == ()


@pytest.mark.parametrize(
    ("namespaces", "into"),
    [("[shop]", "${namespace}-drill"), ("[team-*]", "drill-${namespace}"), ("[a, b]", "c")],
)
def test_a_drill_may_restore_into_any_namespace_outside_of_the_plan(
    namespaces: str, into: str
) -> None:
    more = f'drill: {{into: "{into}", then: [{{ready: all}}]}}\n'
    assert read(PLAN.replace("[shop]", namespaces) + more).problems == ()


def test_a_plan_says_what_runs_inside_of_containers() -> None:
    (plan,) = read(
        PLAN + "volumes: true\n"
        "hooks: [{pods: app=db, before: [freeze], after: [thaw], optional: true}]\n"
        "dumps: [{name: orders, pods: app=db, take: [pg_dump], load: [pg_restore, -d, x]}]\n"
        "sentinel: {pods: app=db, write: [tee, /x], read: [cat, /x]}\n"
    ).plans
    assert plan.volumes
    assert plan.hooks[0].before == ("freeze",)
    assert plan.hooks[0].optional
    assert plan.dumps[0].load == ("pg_restore", "-d", "x")
    assert plan.sentinel
    assert str(plan.sentinel.pods) == "app=db"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("hooks: [{pods: app=db}]\n", "the hook has no command"),
        ("dumps: [{name: A/b, pods: a=b, take: [x], load: [y]}]\n", "the dump `A/b`"),
        (
            "dumps: [{name: a, pods: a=b, take: [x], load: [y]},"
            " {name: a, pods: a=c, take: [x], load: [y]}]\n",
            "two dumps are called `a`",
        ),
    ],
)
def test_what_runs_nothing_or_cannot_be_told_apart_is_refused(more: str, says: str) -> None:
    assert told(more) == [says]


@pytest.mark.parametrize(
    "check",
    [
        "http: {service: checkout, namespace: shop, path: /}",
        "http: {url: 'https://shop.example.com/'}",
        "http: {url: 'http://checkout.shop.svc/'}",
        "tcp: {host: db.shop.svc.cluster.local, port: 5432}",
    ],
)
def test_a_drill_that_asks_anything_but_its_copy_is_refused(check: str) -> None:
    more = f"drill: {{into: shop-drill, then: [{{{check}}}]}}\n"
    (problem,) = read_real(PLAN + more).problems
    assert "under `drill.then` queries" in problem.message
    assert "which is not the drill's copy" in problem.message


@pytest.mark.parametrize(
    "check",
    [
        "http: {service: checkout, path: /}",
        "http: {service: checkout, namespace: shop-drill, path: /}",
        "http: {url: 'http://checkout.shop-drill.svc:8080/healthz'}",
        "tcp: {host: db.shop-drill, port: 5432}",
    ],
)
def test_a_drill_may_ask_its_copy_in_every_way(check: str) -> None:
    more = f"drill: {{into: '${{namespace}}-drill', then: [{{{check}}}]}}\n"
    assert read_real(PLAN + more).problems == ()


@pytest.mark.parametrize("url", ["s3://KEY:hunter2@bucket/x", "ftp://bucket/x?key=hunter2"])
def test_a_password_in_a_store_is_not_repeated(url: str) -> None:
    problems = read(PLAN.replace("file:./data", url)).problems
    (problem,) = problems
    assert "***" in problem.message
    assert "hunter2" not in problem.message
    assert not problem.suggestion
