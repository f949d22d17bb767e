"""Rules for texts: what is kept, and the reason for what is not."""

import pytest

from clueplus.training.synthesis.checks import fault_of_instruction, fault_of_pair, is_json, is_refusal
from clueplus.training.synthesis.recipe import Checked, read_recipe

RULES = read_recipe("mediflow").checked
INSTRUCTION = "Read the note and list each drug with its dose, in the order in which they are named, one to a line."
INPUT = "Seen today. T 38.2, HR 110. Started on amoxicillin 500 mg tid, paracetamol prn."


def test_good_texts_pass() -> None:
    assert fault_of_instruction(INSTRUCTION, RULES) is None
    assert fault_of_pair(INPUT, "amoxicillin 500 mg tid", "plain_text", RULES) is None
    assert fault_of_pair(INPUT, '{"drugs": []}', "json", RULES) is None
    assert fault_of_pair(INPUT, "B", "plain_text", RULES) is None
    assert fault_of_pair("β-blocker 5 µg, naïve to it; HbA1c ≥ 7 %", "x", "plain_text", RULES) is None


@pytest.mark.parametrize(
    ("instruction", "fault"),
    [
        ("", "instruction: empty"),
        ("List the drugs.", "instruction: too short"),
        ("word " * 2000, "instruction: too long"),
        ("I'm sorry, but I can't help with the writing of clinical material.", "instruction: a refusal"),
        ("Lies die Notiz und nenne jedes Medikament mit seiner Dosis in der Reihenfolge, in der sie dort stehen.",
         "instruction: not English"),
        ("Lisez la note et citez chaque médicament avec sa dose, dans l'ordre où ils y sont nommés, un par ligne.",
         "instruction: not English"),
        ("Прочитайте заметку и перечислите каждое лекарство с его дозой по порядку.", "instruction: not English"),
    ],
)  # fmt: skip
def test_faults_of_instructions(instruction: str, fault: str) -> None:
    assert fault_of_instruction(instruction, RULES) == fault


@pytest.mark.parametrize(
    ("asked", "output", "output_format", "fault"),
    [
        (" \n", "x", "plain_text", "input: empty"),
        (INPUT, " ", "plain_text", "output: empty"),
        ("short", "x", "plain_text", "input: too short"),
        (INPUT, "x" * 16001, "plain_text", "output: too long"),
        (INPUT, INPUT, "plain_text", "output: repeats the input"),
        (INPUT, "As an AI language model, I have no opinion.", "plain_text", "output: a refusal"),
        (INPUT, "none", "json", "output: not JSON"),
        (INPUT, "3", "json", "output: not JSON"),
        ("患者今天来看病,体温三十八度二,心率一百一十,开了阿莫西林。", "x", "plain_text", "input: not English"),
    ],
)
def test_faults_of_pairs(asked: str, output: str, output_format: str, fault: str) -> None:
    assert fault_of_pair(asked, output, output_format, RULES) == fault


def test_rules_can_be_left_out() -> None:
    rules = Checked(language=None)
    assert (
        fault_of_instruction("Lies die Notiz und nenne jedes Medikament mit seiner Dosis, eines je Zeile.", rules)
        is None
    )
    assert fault_of_pair("a", "b", "plain_text", rules) is None


@pytest.mark.parametrize(
    ("text", "refuses"),
    [
        ("I cannot provide medical advice.", True),
        ("Sorry, this is not possible.", True),
        ("I am unable to generate patient data.", True),
        ("The answer is: as an AI model I do not know.", True),
        ("I can't sleep at night, doctor.", False),
        ("Patient states: I cannot lift my arm.", False),
        ("The patient apologised for being late.", False),
    ],
)
def test_refusals(text: str, refuses: bool) -> None:
    assert is_refusal(text) == refuses


def test_json() -> None:
    assert [is_json(text) for text in ("{}", "[1]", "1", "", "{", "[" * 100000)] == [True, True, *[False] * 4]
