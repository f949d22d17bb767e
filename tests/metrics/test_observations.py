"""What a radiology text asserts, denies and leaves open, as a reader takes it; and F1 of it."""

import time
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from clueplus.metrics.observation_rules import FINDINGS, OBSERVATIONS, STRUCTURES, phrase_table, split, words
from clueplus.metrics.observations import (
    Label,
    ObservationF1,
    observation_f1,
    observation_labels,
    observation_pair_f1,
    positives,
)

SHORT = {
    "ECM": "Enlarged Cardiomediastinum",
    "CM": "Cardiomegaly",
    "OP": "Lung Opacity",
    "LE": "Lung Lesion",
    "ED": "Edema",
    "CO": "Consolidation",
    "PN": "Pneumonia",
    "AT": "Atelectasis",
    "PX": "Pneumothorax",
    "EF": "Pleural Effusion",
    "PO": "Pleural Other",
    "FX": "Fracture",
    "SD": "Support Devices",
    "NF": "No Finding",
}
SIGNS = {"+": Label.POSITIVE, "-": Label.NEGATIVE, "?": Label.UNCERTAIN}
# Each text with all that it says.
SAYS = {
    # asserted
    "Small bilateral pleural effusions.": "EF+",
    "Moderate cardiomegaly with mild pulmonary edema": "CM+ ED+",
    "Right lower lobe consolidation consistent with pneumonia.": "CO+ PN+",
    "A 5 mm nodule; bibasilar atelectasis!": "LE+ AT+",
    "Unchanged right-sided pneumothorax": "PX+",
    "Old healed rib fractures. Pleural thickening at both apices.": "FX+ PO+",
    "PICC line in place, median sternotomy wires.": "SD+",
    "Patchy opacities in the left base": "OP+",
    "Nodular opacity": "OP+ LE+",
    "No change in the right effusion.": "EF+",
    "The pneumothorax has not resolved": "PX+",
    "Increased INTERSTITIAL MARKINGS": "OP+",
    "oedema and haemothorax": "ED+ EF+",
    # denied
    "No pleural effusion, pneumothorax, or focal consolidation.": "EF- PX- CO- NF+",
    "There is no evidence of pneumonia": "PN- NF+",
    "Negative for fracture": "FX- NF+",
    "The lungs are clear of consolidation": "CO- NF+",
    "No consolidation, large effusion, or pneumothorax": "CO- EF- PX- NF+",
    "Pneumothorax is not seen.": "PX- NF+",
    "The effusion is no longer seen": "EF- NF+",
    "Effusion, consolidation, or pneumothorax is not seen": "EF- CO- PX- NF+",
    "No evidence to suggest pneumonia": "PN- NF+",
    "Endotracheal tube has been removed.": "SD-",
    "Neither effusion nor pneumothorax": "EF- PX- NF+",
    "no evidence of\nCHF or\npneumonia": "ED- PN- NF+",
    "NO EFFUSION OR\nPNEUMOTHORAX": "EF- PX- NF+",
    # left open
    "Pneumonia cannot be excluded.": "PN?",
    "Cannot exclude a small pneumothorax": "PX?",
    "Can't exclude pneumonia": "PN?",
    "Opacity may represent atelectasis or pneumonia.": "OP+ AT? PN?",
    "atelectasis versus pneumonia": "AT? PN?",
    "Possible tiny effusion": "EF?",
    "Opacities concerning for infection": "OP+ PN?",
    "Findings suggest edema": "ED?",
    # one sentence, several statements
    "No pneumothorax, mild cardiomegaly.": "PX- CM+",
    "No effusion and a small pneumothorax": "EF- PX+",
    "Cardiomegaly without edema": "CM+ ED-",
    "Effusion has increased and pneumothorax has resolved.": "EF+ PX-",
    "Small effusion, pneumothorax has resolved": "EF+ PX-",
    "No effusion but there is atelectasis": "EF- AT+",
    "No acute abnormality except for mild cardiomegaly": "CM+",
    "Possible pneumonia, small effusion": "PN? EF+",
    "No effusion. Pneumothorax.": "EF- PX+",
    "- No effusion\n- Pneumothorax": "EF- PX+",
    "No effusion\n2. Pneumothorax": "EF- PX+",
    "no effusion\nPneumothorax": "EF- PX+",
    "No large\npneumothorax": "PX- NF+",
    "NO PLEURAL\nEFFUSION": "EF- NF+",
    "Atelectasis is possible, effusion": "AT? EF+",
    # parts of the chest and their adjectives
    "The heart is enlarged": "CM+",
    "The heart is not enlarged.": "CM- NF+",
    "Mildly enlarged cardiac silhouette": "CM+",
    "cardiac silhouette is borderline enlarged": "CM?",
    "The heart may be enlarged": "CM?",
    "Widened mediastinum": "ECM+",
    "Heart size and mediastinal contours are normal": "CM- ECM- NF+",
    "Cardiac and mediastinal silhouettes are unremarkable": "CM- ECM- NF+",
    "Lungs are clear and the heart is enlarged.": "OP- CM+",
    "Enlarged heart with clear lungs": "OP- CM+",
    "No effusion, heart enlarged": "EF- CM+",
    "Blunting of the left costophrenic angle": "EF+",
    "The costophrenic angles are sharp": "EF- NF+",
    "Osseous structures are intact": "FX- NF+",
    "The lungs are not clear": "",
    "Enlarged liver. Clear heart.": "",
    "Enlarged spleen seen just below the heart": "",
    # nothing about the chest, or nothing seen
    "No acute cardiopulmonary process.": "NF+",
    "Normal chest radiograph": "NF+",
    "No acute process. Pacemaker in place.": "SD+ NF+",
    "No acute process, possible nodule": "LE?",
    "Evaluate for pneumonia.": "",
    "History of lung cancer, effusion": "",
    "Small pericardial effusion and subcutaneous edema": "",
    "hello": "",
    "": "",
}


def labels(says: str) -> dict[str, Label]:
    return {SHORT[item[:-1]]: SIGNS[item[-1]] for item in says.split()}


@pytest.mark.parametrize("text", SAYS)
def test_a_text_is_taken_as_a_reader_takes_it(text: str) -> None:
    assert observation_labels(text) == labels(SAYS[text])


def test_of_several_mentions_the_surest_counts() -> None:
    assert observation_labels("No effusion. Possible effusion.") == labels("EF?")
    assert observation_labels("Effusion. No effusion. Possible effusion.") == labels("EF+")


def test_labels_stand_in_the_usual_order() -> None:
    assert list(observation_labels("Pacemaker. Fracture. Cardiomegaly.")) == [
        SHORT[name] for name in ("CM", "FX", "SD")
    ]


def test_a_report_of_several_sections() -> None:
    report = """INDICATION: Cough, evaluate for pneumonia.
    FINDINGS: There is a right internal jugular line with its tip in the SVC. The heart is mildly enlarged. There is
    blunting of the right costophrenic angle, likely a small effusion. No pneumothorax is seen. Bones are intact.
    IMPRESSION:
    1. Mild cardiomegaly.
    2. Right basilar opacity, atelectasis versus pneumonia."""
    assert observation_labels(report) == labels("CM+ OP+ PN? AT? PX- EF+ FX- SD+")


@pytest.mark.parametrize("name", FINDINGS)
def test_every_phrase_of_a_finding_is_one_and_can_be_denied(name: str) -> None:
    for phrase in split(FINDINGS[name]):
        if name in OBSERVATIONS:
            assert observation_labels(f"There is {phrase}.")[name] is Label.POSITIVE, phrase
            assert observation_labels(f"There is no {phrase}.")[name] is Label.NEGATIVE, phrase
            assert observation_labels(f"{phrase} cannot be excluded")[name] is Label.UNCERTAIN, phrase
        else:
            assert observation_labels(f"There is no {phrase}.") == labels("NF+"), phrase


@pytest.mark.parametrize("name", STRUCTURES)
def test_every_adjective_of_a_part_says_something(name: str) -> None:
    for part in split(STRUCTURES[name].phrases):
        for state in split(STRUCTURES[name].normal):
            found = observation_labels(f"The {part} is {state}.")
            assert found["No Finding"] is Label.POSITIVE, (part, state)
            assert name not in OBSERVATIONS or found[name] is Label.NEGATIVE, (part, state)
        for state in split(STRUCTURES[name].abnormal):
            assert observation_labels(f"The {part} is {state}.")[name] is Label.POSITIVE, (part, state)


def test_no_phrase_is_hidden_by_another() -> None:
    table = phrase_table()
    for phrases in [*FINDINGS.values(), *(structure.phrases for structure in STRUCTURES.values())]:
        for phrase in split(phrases):
            assert [found.end for found in table.find(words(phrase))] == [len(words(phrase))]


PARTS = "no|not|effusion|heart|enlarged|normal|or|and|but|possible|seen|is|cleared|Lungs| |,|.|;|\n"
sentences = st.lists(st.sampled_from(PARTS.split("|"))).map(" ".join)


@given(st.text() | sentences)
def test_any_text_has_labels_of_the_fourteen(text: str) -> None:
    found = observation_labels(text)
    assert set(found) <= set(OBSERVATIONS)
    assert set(found.values()) <= set(Label)
    sure = positives(found) - {"No Finding", "Support Devices"}
    assert not (sure and "No Finding" in found)


@given(st.text() | sentences, st.text() | sentences)
def test_any_pair_has_a_symmetric_score(prediction: str, reference: str) -> None:
    score = observation_pair_f1(prediction, reference)
    assert score == observation_pair_f1(reference, prediction)
    assert score is None or 0 <= score <= 1
    assert observation_pair_f1(reference, reference) in (1.0, None)


@given(sentences, sentences)
def test_sentences_do_not_reach_into_each_other(first: str, second: str) -> None:
    both = observation_labels(f"{first}. - {second}")
    alone = [observation_labels(first), observation_labels(second)]
    for name in set(OBSERVATIONS) - {"No Finding"}:
        found = [one[name] for one in alone if name in one]
        assert both.get(name) == min(found, key=list(Label).index, default=None)


def test_f1_by_hand() -> None:
    predictions = [labels("EF+ PX-"), labels("CM+ AT?"), labels("")]
    references = [labels("EF+ PX+"), labels("CM+"), labels("EF+")]
    found = observation_f1(predictions, references)
    assert found.micro == pytest.approx(2 * 2 / (2 * 2 + 0 + 2))
    assert found.macro == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert found.by_observation["Pleural Effusion"] == pytest.approx(2 / 3)
    assert found.by_observation["Atelectasis"] is None
    open_too = observation_f1(predictions, references, uncertain=True)
    assert open_too.micro == pytest.approx(2 * 2 / (2 * 2 + 1 + 2))
    assert open_too.by_observation["Atelectasis"] == 0.0


def test_f1_is_that_of_scikit_learn_where_that_is_defined() -> None:
    rng = Random(0)
    everything = labels(" ".join(f"{name}+" for name in SHORT))
    ours = [{name: rng.choice([*Label]) for name in OBSERVATIONS} for _ in range(50)] + [everything]
    theirs = [{name: rng.choice([*Label]) for name in OBSERVATIONS} for _ in range(50)] + [everything]
    predicted = [[int(name in positives(one)) for name in OBSERVATIONS] for one in ours]
    true = [[int(name in positives(one)) for name in OBSERVATIONS] for one in theirs]
    found = observation_f1(ours, theirs)
    assert found.micro == pytest.approx(f1_score(true, predicted, average="micro"))
    assert found.macro == pytest.approx(f1_score(true, predicted, average="macro"))


def test_nothing_to_find_and_nothing_found_is_no_score() -> None:
    assert observation_f1([], []) == ObservationF1(
        None, None, dict.fromkeys(OBSERVATIONS), "no text has a positive observation"
    )
    assert observation_pair_f1("hello", "Evaluate for pneumonia") is None
    assert observation_pair_f1("hello", "Pneumonia") == 0.0


def test_texts_pair_up() -> None:
    with pytest.raises(ValueError, match="shorter"):
        observation_f1([{}], [])


def test_the_oracle_scores_1_and_a_corrupted_one_less() -> None:
    said = [labels(says) for says in SAYS.values() if "+" in says]
    assert observation_f1(said, said)[:2] == (1.0, 1.0)
    shifted = observation_f1(said, said[1:] + said[:1])
    assert shifted.micro is not None
    assert shifted.micro < 0.5
    denied = [dict.fromkeys(one, Label.NEGATIVE) for one in said]
    assert observation_f1(denied, said)[:2] == (0.0, 0.0)


HOSTILE = [
    "no ",
    "no effusion, ",
    "heart ",
    "effusion is ",
    "enlarged ",
    "effusion not seen ",
    "\n",
    "a, and ",
    "1.",
    "heart enlarged rib ",
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_texts_take_linear_time(unit: str) -> None:
    start = time.process_time()
    observation_labels(unit * 20_000)
    assert time.process_time() - start < 5
