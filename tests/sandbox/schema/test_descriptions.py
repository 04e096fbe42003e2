"""Descriptions out of the installed client."""

from __future__ import annotations

from resilience.sandbox.schema import descriptions
from resilience.sandbox.schema.facts import builtin

SOURCE = '''
class V1Thing(BaseModel):
    """
    Thing is "one" of many.

    Attributes:
    """ # noqa: E501
    max_size: Optional[StrictInt] = Field(default=None, alias="maxSize", description="A \\"b\\".")
    plain: Optional[V1Other] = None
    attribute_map: ClassVar[Dict[str, str]] = {
        "max_size": "maxSize",
        "plain": "plain",
    }
'''


def test_texts_are_found_by_the_names_of_json() -> None:
    found = descriptions.parsed(SOURCE)
    assert found.text == 'Thing is "one" of many.'
    assert found.fields == {"maxSize": 'A "b".'}


def test_every_model_is_described() -> None:
    silent = [name for name in builtin().names() if not descriptions.described(name).text]
    assert silent == []


def test_a_model_that_the_client_lacks_is_not_described() -> None:
    assert descriptions.described("V9Nothing") == descriptions.Described()
