import asyncio

import pytest

from clueplus.errors import ClueplusError
from clueplus.models import BaselineModel, Decoding, Example, Pool, Request
from clueplus.registry import Catalog
from clueplus.registry.task_spec import Lead, TaskMetadata


def metadata(**changes: object) -> TaskMetadata:
    return Catalog().task("meqsum").metadata.model_copy(update=changes)


def pool(examples: list[Example], **changes: object) -> dict[str, Pool]:
    return {"t": Pool(metadata(**changes), examples)}


EXAMPLES = [Example("fever and cough", "B"), Example("broken leg bone", "A"), Example("leg cramps", "B")]


def test_majority_is_the_most_frequent_reference() -> None:
    assert BaselineModel("baseline:majority", pool(EXAMPLES)).reply("t", {"question": "x"}) == "B"


def test_majority_takes_the_first_of_several() -> None:
    assert BaselineModel("baseline:majority", pool(EXAMPLES[1:])).reply("t", {"question": "x"}) == "A"


def test_lead_takes_the_first_words() -> None:
    model = BaselineModel("baseline:lead", pool(EXAMPLES, lead=Lead(field="question", words=3)))
    assert model.reply("t", {"question": "one  two\nthree four"}) == "one two three"


def test_lead_may_be_a_constant() -> None:
    assert (
        BaselineModel("baseline:lead", pool(EXAMPLES, lead=Lead(constant="-1"))).reply("t", {"question": "x"}) == "-1"
    )


@pytest.mark.parametrize(("text", "answer"), [("a cough with fever", "B"), ("my leg bone is broken", "A")])
def test_nearest_answers_as_the_most_similar_example(text: str, answer: str) -> None:
    assert BaselineModel("baseline:nearest", pool(EXAMPLES)).reply("t", {"question": text}) == answer


def test_identity_changes_with_what_was_learned() -> None:
    one, two = (
        BaselineModel("baseline:majority", pool(examples)).identity("t") for examples in (EXAMPLES, EXAMPLES[1:])
    )
    assert one != two


def test_an_answer_is_complete() -> None:
    request = Request("t", 0, {"question": "x"}, [], "h", Decoding(1, 0.0, ()), "open", "k")
    answer = asyncio.run(BaselineModel("baseline:majority", pool(EXAMPLES)).answer(request))
    assert (answer.text, answer.finish_reason) == ("B", "stop")


def test_an_unknown_baseline_gets_a_hint() -> None:
    with pytest.raises(ClueplusError, match="did you mean baseline:majority"):
        BaselineModel("baseline:majorty", pool(EXAMPLES))
