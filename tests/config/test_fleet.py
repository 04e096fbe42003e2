"""Fleets are read strictly: a misspelt key is an error, and so is a cluster without a context."""

from __future__ import annotations

from pathlib import Path

import pytest

from resilience.config.fleet import STORE, Member, members
from resilience.config.settings import BadSetting, Settings

TARGET = '[targets.prod]\ncontext = "prod-eu"\ncluster = "u"\n'


def of_file(
    folder: Path, text: str, *, context: str = "", kubeconfig: str = ""
) -> tuple[Member, ...]:
    path = folder / "fleet.toml"
    path.write_text(text)
    return members(Settings(fleet=str(path), root=folder, context=context, kubeconfig=kubeconfig))


def test_one_context_is_no_fleet() -> None:
    assert members(Settings(context="eu")) == ()
    assert not Settings(context="eu").is_fleet


def test_contexts_between_commas_are_one() -> None:
    found = members(Settings(context="eu, us", kubeconfig="k"))
    assert found == (
        Member(name="eu", context="eu", kubeconfig="k"),
        Member(name="us", context="us", kubeconfig="k"),
    )


@pytest.mark.parametrize(
    ("context", "told"), [("eu,,us", "empty name"), ("eu,", "empty name"), ("eu,us,eu", "eu twice")]
)
def test_a_list_with_a_mistake_is_refused(context: str, told: str) -> None:
    with pytest.raises(BadSetting, match=told):
        members(Settings(context=context, origins={"context": "--resilience-context"}))


def test_a_file_says_everything_of_each_cluster(tmp_path: Path) -> None:
    (tmp_path / "resilience.toml").write_text(TARGET)
    found = of_file(
        tmp_path,
        '[clusters.eu]\ntarget = "prod"\nkubeconfig = "eu.yaml"\nstore = "s3://eu"\n'
        'tags = ["near"]\nenvironment = {AWS_PROFILE = "eu"}\n[clusters.us]\ncontext = "us"\n',
        kubeconfig="shared",
    )
    assert found == (
        Member(
            name="eu",
            context="prod-eu",
            kubeconfig=str(tmp_path / "eu.yaml"),
            target="prod",
            tags=("near",),
            variables={"AWS_PROFILE": "eu", STORE: "s3://eu"},
        ),
        Member(name="us", context="us", kubeconfig="shared"),
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "names no cluster"),
        ("[cluster.eu]\n", "unknown key 'cluster'"),
        ("clusters = 3\n", "names no cluster"),
        ("[clusters]\neu = 3\n", "is not a table"),
        ("[clusters.eu]\n", "has no context"),
        ('[clusters.eu]\ncontxt = "a"\n', "did you mean `context`"),
        ('[clusters.eu]\ncontext = ""\n', "expected text"),
        ('[clusters.eu]\ncontext = "a"\ntags = ["a-b"]\n', "expected a list of words"),
        ('[clusters.eu]\ncontext = "a"\nenvironment = {A = 1}\n', "expected a table of texts"),
        ('[clusters."e u"]\ncontext = "a"\n', "expected a name of letters"),
        ('[clusters.eu]\ntarget = "prdo"\n', "did you mean `prod`"),
        ("[clusters.eu\n", "cannot be read"),
        (
            f'[clusters.eu]\ncontext = "a"\nstore = "s"\nenvironment = {{{STORE} = "s"}}\n',
            "both name the store",
        ),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "resilience.toml").write_text(TARGET)
    with pytest.raises(BadSetting, match=told) as caught:
        of_file(tmp_path, text)
    assert "fleet.toml" in str(caught.value)


def test_a_target_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "resilience.toml").write_text("[targets.prod]\nnonsense = 1\n")
    with pytest.raises(BadSetting, match="its target cannot be read"):
        of_file(tmp_path, '[clusters.eu]\ntarget = "prod"\n')


def test_a_file_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="cannot be read"):
        members(Settings(fleet=str(tmp_path / "none.toml")))


def test_contexts_and_a_file_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="both name clusters"):
        of_file(tmp_path, '[clusters.eu]\ncontext = "a"\n', context="eu")


def test_a_path_in_the_ini_file_begins_at_the_root(tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_text('[clusters.eu]\ncontext = "a"\n')
    origins = {"fleet": "resilience_fleet in the ini file"}
    [found] = members(Settings(fleet="fleet.toml", root=tmp_path, origins=origins))
    assert found.name == "eu"
