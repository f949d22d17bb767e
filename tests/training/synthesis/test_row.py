"""From answers to rows: what is kept, what is rejected for which reason, and means of scores."""

import json

import pytest

from clueplus.models import Answer
from clueplus.training.synthesis.recipe import read_recipe
from clueplus.training.synthesis.row import CUT_OFF, NO_PAIR, Candidate, Row, Scores, mean_scores, read_candidate
from clueplus.training.synthesis.sampling import draw
from clueplus.training.synthesis.tally import Price, Tally
from tests.support.synthesis import exercise

RECIPE = read_recipe("mediflow")
DRAWN = draw(RECIPE, 1, 0) | {"output_format": "plain_text"}


def candidate(text: str, finish: str = "stop") -> Candidate | str:
    return read_candidate(RECIPE, DRAWN, Answer(text, finish), text)


def test_an_exercise_is_a_candidate() -> None:
    found = candidate(json.dumps(exercise(1, 4, as_json=False)))
    assert isinstance(found, Candidate)
    assert (list(found.examples), found.rejected) == ([0, 1, 2, 3], [])


def test_what_is_cut_off_is_no_candidate_even_where_it_is_whole() -> None:
    assert candidate(json.dumps(exercise(1, 3, as_json=False)), "length") == CUT_OFF


@pytest.mark.parametrize("pairs", [2, 5])
def test_too_few_and_too_many_pairs(pairs: int) -> None:
    assert candidate(json.dumps(exercise(1, pairs, as_json=False))) == "malformed: wrong number of examples"


def test_a_pair_that_fails_goes_alone_and_keeps_the_places_of_the_others() -> None:
    value = exercise(1, 4, as_json=False)
    value["examples"][0]["input"] = "short"
    value["examples"][3]["input"] = value["examples"][1]["input"]
    found = candidate(json.dumps(value))
    assert isinstance(found, Candidate)
    assert list(found.examples) == [1, 2]
    assert found.rejected == ["input: too short", "input: twice in one row"]
    for each in value["examples"]:
        each["output"] = " "
    found = candidate(json.dumps(value))
    assert isinstance(found, Candidate)
    assert found.examples == {}
    tally = Tally()
    tally.count(Row(0, DRAWN, found, {}))
    assert (tally.rows, tally.kept, tally.rejected_rows) == (1, 0, {NO_PAIR: 1})
    assert tally.rejected_pairs.total() == 4


def scores(*values: int | str, finish: str = "stop") -> Scores:
    assert RECIPE.judged is not None
    texts = [json.dumps(dict.fromkeys(RECIPE.judged.criteria, value)) for value in values]
    return mean_scores(RECIPE.judged, [(Answer(text, finish), text) for text in texts])


def test_scores_are_means_of_what_can_be_read() -> None:
    found = scores(1, 2, 4, "x", 9)
    assert found.means is not None
    assert found.means["realism"] == pytest.approx(7 / 3)
    assert (found.samples, found.unreadable) == (3, ["a criterion without a whole number", "a score off the scale"])
    assert scores(4, 4, 9, 9, 9).means is None, "two of five are fewer than half"
    cut = scores(3, 3, 3, 3, 3, finish="length")
    assert (cut.means, cut.unreadable) == (None, [CUT_OFF] * 5)
    tally = Tally()
    tally.count(Row(0, DRAWN, Candidate("x", {}, []), {0: cut, 1: found}))
    assert (tally.unscored, tally.unreadable_scores[CUT_OFF]) == (1, 5)


def test_tallies_add_up_and_cost_what_is_known() -> None:
    one, other = Tally(), Tally()
    one.used("generated", Answer("", prompt_tokens=10, completion_tokens=5))
    other.used("generated", Answer("", prompt_tokens=1, completion_tokens=2))
    other.used("judged", Answer("", prompt_tokens=100, completion_tokens=50))
    one.add(other)
    price = Price(prompt=1.0, completion=10.0)
    assert one.cost({"generated": price, "judged": price}) == pytest.approx((111 + 570) / 1e6)
    assert one.cost({"generated": price}) is None, "the price of judgements is not known"
    one.used("judged", Answer(""))
    assert one.usage["judged"].untold == 1
    assert one.cost({"generated": price, "judged": price}) is None, "tokens that nobody counted have no price"
    assert Tally().cost({}) is None
