"""Which files become items, what they are called, and how every mistake is told at once."""

from __future__ import annotations

import pytest

from tests.harness.conftest import Run, plain


def write(pytester: pytest.Pytester, name: str, text: str) -> None:
    path = pytester.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_files_are_taken_by_suffix_and_ids_are_slugs(pytester: pytest.Pytester, run: Run) -> None:
    write(pytester, "a/one.scenario.yaml", plain("Lose one, then two!"))
    write(pytester, "a/values.yaml", plain("helm values, none of ours"))
    result = run("--collect-only", "-q")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["a/one.scenario.yaml::lose-one-then-two"])
    assert "values.yaml" not in result.stdout.str()


def test_a_file_named_on_the_command_line_is_taken_for_its_first_key(
    pytester: pytest.Pytester, run: Run
) -> None:
    write(pytester, "odd.yaml", "# licence\n---\n" + plain("odd name"))
    write(pytester, "other.yaml", "kind: Pod\nscenario: not the first key\n")
    run("--collect-only", "-q", "odd.yaml").stdout.fnmatch_lines(["odd.yaml::odd-name"])
    assert run("--collect-only", "-q", "other.yaml").ret == pytest.ExitCode.USAGE_ERROR
    assert run("--collect-only", "-q", ".").ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_the_globs_are_an_ini_option(pytester: pytest.Pytester, run: Run) -> None:
    write(pytester, "x.chaos.yaml", plain("by another name"))
    result = run("--collect-only", "-q", "-o", "resilience_scenarios=*.chaos.yaml")
    result.stdout.fnmatch_lines(["x.chaos.yaml::by-another-name"])


def test_all_problems_of_all_files_are_told_in_one_run_without_a_traceback(
    pytester: pytest.Pytester, run: Run
) -> None:
    write(pytester, "one.scenario.yaml", plain(extra="whne: []\n") + "tags: 7 [\n")
    write(pytester, "two.scenario.yaml", plain("two", sleep="5 minutes", extra="settel: 1s\n"))
    result = run()
    text = result.stdout.str()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert "one.scenario.yaml:" in text
    result.stdout.fnmatch_lines(["*two.scenario.yaml:5:*", "*two.scenario.yaml:8:*settle*"])
    assert "Traceback" not in text
    assert "items.py" not in text


def test_a_wrong_plan_is_told_and_a_right_one_starts_nothing(
    pytester: pytest.Pytester, run: Run
) -> None:
    write(pytester, "wrong.plan.yaml", "plan: shop\nstoore: file:./x\n")
    result = run()
    result.stdout.fnmatch_lines(["*wrong.plan.yaml:*stoore*"])
    assert result.ret == pytest.ExitCode.INTERRUPTED


def test_tags_are_marks_that_need_no_registration(pytester: pytest.Pytester, run: Run) -> None:
    write(pytester, "a.scenario.yaml", plain("tagged", extra="tags: [smoke, night]\n"))
    write(pytester, "b.scenario.yaml", plain("bare"))
    result = run("--collect-only", "-q", "--strict-markers", "-m", "smoke and night")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["a.scenario.yaml::tagged"])
    assert "bare" not in result.stdout.str()


def test_the_option_k_selects_scenarios_by_id(pytester: pytest.Pytester, run: Run) -> None:
    write(pytester, "a.scenario.yaml", plain("first thing"))
    write(pytester, "b.scenario.yaml", plain("second thing"))
    result = run("--collect-only", "-q", "-k", "second-thing")
    assert "first" not in result.stdout.str()
    result.stdout.fnmatch_lines(["b.scenario.yaml::second-thing"])


def test_an_item_can_be_named_by_its_id(pytester: pytest.Pytester, run: Run) -> None:
    matrix = "matrix: {sleep: [1ms, 2ms]}\n"
    write(pytester, "a.scenario.yaml", plain("many", sleep="${matrix.sleep}", extra=matrix))
    result = run("--collect-only", "-q", "a.scenario.yaml::many[sleep=2ms]")
    assert result.ret == 0
    assert "sleep=1ms" not in result.stdout.str()
    result.stdout.fnmatch_lines(["a.scenario.yaml::many?sleep=2ms?"])


def test_setup_plan_shows_the_cluster_and_starts_none(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(pytester, "a.scenario.yaml", plain())
    temporary = pytester.mkdir("temporary")
    monkeypatch.setenv("TMPDIR", str(temporary))
    result = run("--setup-plan", "-n0")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*SETUP*S resilience_cluster*", "*nothing-is-broken*"])
    assert not list(temporary.glob("resilience-*")), "a sandbox has its directory there"


def test_the_header_says_which_cluster_and_which_seed(pytester: pytest.Pytester, run: Run) -> None:
    write(pytester, "a.scenario.yaml", plain())
    result = run("--collect-only", "--resilience-seed", "4711", "--resilience-sandbox-nodes=1")
    result.stdout.fnmatch_lines(["resilience: embedded sandbox, 1 node, seed 4711"])


def test_native_toml_needs_no_quotes(pytester: pytest.Pytester, run: Run) -> None:
    write(pytester, "a.scenario.yaml", plain())
    (pytester.path / "tox.ini").unlink()
    (pytester.path / "pyproject.toml").write_text(
        "[tool.pytest]\nresilience_seed = 7\nresilience_dry_run = true\n"
        'resilience_sandbox_nodes = 2\nasyncio_default_fixture_loop_scope = "function"\n'
    )
    result = run()
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["resilience: embedded sandbox, 2 nodes, seed 7"])


def test_a_thousand_files_are_collected(pytester: pytest.Pytester, run: Run) -> None:
    for number in range(1000):
        write(pytester, f"s/{number:04}.scenario.yaml", plain(f"number {number}"))
    result = run("--collect-only", "-q", "s")
    assert result.ret == 0
    assert result.stdout.str().count("::number-") == 1000


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--resilience-seed=many"], "--resilience-seed: 'many' cannot be used; expected a whole*"),
        (["--resilience-live=maybe"], "--resilience-live: 'maybe' cannot be used; expected auto*"),
        (["-o", "resilience_seed=many"], "resilience_seed in the ini file: *'many'*"),
        (["-o", "resilience_dry_run=perhaps"], "resilience_dry_run in the ini file: *"),
        (["-o", "resilience_sandbox_nodes=0"], "resilience_sandbox_nodes in the ini file: 0 *"),
    ],
)
def test_a_bad_setting_is_one_line_of_usage(
    pytester: pytest.Pytester, run: Run, arguments: list[str], text: str
) -> None:
    result = run(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {text}"])
    assert "Traceback" not in result.stderr.str()


def test_a_dry_run_without_a_cluster_says_what_each_step_would_do(
    pytester: pytest.Pytester, run: Run
) -> None:
    probe = "while:\n  - http: {service: shop, path: /healthz}\n"
    probe += "    objective: {availability: 99%}\n"
    (pytester.path / "a.scenario.yaml").write_text(plain("it asks", sleep="10s", extra=probe))
    result = run("--resilience-dry-run")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["  while: http: GET http://shop/healthz", "  when: sleep 10s"])
