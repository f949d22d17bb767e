"""Writes the texts that rehearsals train on: synthetic, and the same bytes on every machine.

    python tools/make_rehearsal_data.py [FOLDER]

What is known of thirty conditions stands in rehearsal_conditions.yaml, the sentences around it stand here. Documents
have `id`, `text` and `task_data`, instruction rows the columns of MediFlow, preference rows also `rejected_output` and
`error_type`. Rows are asked in the forms of the benchmark's tasks and end with the same words, so that a tiny model can
learn what an answer looks like; no text of a task is among them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from clueplus.data.draw import drawn_number
from clueplus.files import write_atomic

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parent / "training" / "rehearsal"
Condition = dict[str, Any]
Row = dict[str, Any]


class Dice:
    """Choices that depend on a name and a turn alone: adding a document changes no other one."""

    def __init__(self, name: str, turn: int = 0) -> None:
        self._name, self._turn, self._rolls = name, turn, 0

    def in_turn(self, options: Sequence[Any]) -> Any:
        """Each of the options equally often, one a turn."""
        return options[self._turn % len(options)]

    def number(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`."""
        self._rolls += 1
        return low + drawn_number(self._name, str(self._rolls)) % (high - low + 1)

    def pick(self, options: Sequence[Any]) -> Any:
        """One of the options."""
        return options[self.number(0, len(options) - 1)]

    def some(self, options: Sequence[Any], count: int) -> list[Any]:
        """`count` different options."""
        left = list(options)
        return [left.pop(self.number(0, len(left) - 1)) for _ in range(count)]


def an(words: str) -> str:
    """The words with their article; numbers that begin with a vowel's sound are told apart."""
    vowel = words[0] in "aeiouAEIO8" or words.startswith(("11", "18"))
    return f"{'an' if vowel else 'a'} {words}"


def up(words: str) -> str:
    """The words with a capital first letter, as at the start of a sentence."""
    return words[0].upper() + words[1:]


def listed(words: Sequence[str]) -> str:
    """One, two and three."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def person(c: Condition, dice: Dice) -> tuple[str, str, str]:
    """Who a note is about: "A 34-year-old woman"; "woman"; "She"."""
    sex = c.get("sex") or dice.pick(["woman", "man"])
    return f"{up(an(f'{dice.number(28, 84)}-year-old'))} {sex}", sex, "She" if sex == "woman" else "He"


def pubmed(c: Condition, dice: Dice) -> tuple[str, str]:
    """A structured abstract."""
    count, share, months = dice.number(64, 940), dice.number(18, 71), dice.number(3, 36)
    design = dice.pick(["cohort study", "registry study", "randomized pilot trial", "cross-sectional survey"])
    outcome = dice.pick([f"relief of {c['symptoms'][0]}", "days away from work", "quality of life", "a return visit"])
    change = dice.pick(["improved", "did not change", "was better than at the start", "differed little between groups"])
    place = dice.pick(["two district hospitals", "nine family practices", "a rural network", "one outpatient clinic"])
    gap = dice.pick(["Its course outside of large centers is poorly known.", "Few data come from ordinary care."])
    end = dice.pick(["Longer studies are needed.", "The findings support present care.", "Costs were not looked at."])
    text = (
        f"{up(c['name'])} and {outcome}: {an(design)}.\n"
        f"Background: {up(c['name'])} means {c['means']}. One known risk is {c['risk']}. {gap}\n"
        f"Methods: We followed {count} adults of {place} for {months} months after {c['test']}.\n"
        f"Results: {up(c['symptoms'][1])} was seen in {share}% first and in {dice.number(4, share - 6)}% last. "
        f"The primary outcome, {outcome}, {change} under {c['treatment']}.\n"
        f"Conclusions: {end}"
    )
    return text, f"In {count} adults with {c['name']} followed for {months} months, {outcome} {change}."


def clinical(c: Condition, dice: Dice) -> tuple[str, str]:
    """A short visit note."""
    who, _, pronoun = person(c, dice)
    first, second = dice.some(c["symptoms"], 2)
    known = dice.pick(["new", "known for years", "not yet controlled", "confirmed today"])
    home = dice.pick(["lives alone", "lives with a daughter", "shares a flat", "lives on a farm", "works night shifts"])
    beside = dice.pick(["There was no fever.", "Nothing like it had happened before.", "The weight is steady."])
    allergy = dice.pick(["no allergies", "an allergy to sulfa", "an allergy to latex", "allergies unknown"])
    when = dice.pick(["today", "before the next visit", "as agreed by phone"])
    text = (
        f"REASON: {up(first)}.\n"
        f"HISTORY: {who} who {home} reports {first} and {second}. {beside} Background of {c['risk']}; {allergy}.\n"
        f"EXAM: Pulse {dice.number(58, 104)}, blood pressure {dice.number(104, 168)}/{dice.number(60, 98)}. "
        f"Found: {c['finding']}.\n"
        f"ASSESSMENT: {up(c['name'])}, {known}.\n"
        f"PLAN: {up(c['treatment'])}. {up(c['test'])} {when}. Advice: {c['advice']}. "
        f"{pronoun} comes back in {dice.number(2, 12)} weeks."
    )
    return text, f"{who} with {first} has {c['name']}; the plan is {c['treatment']}."


def medcode(c: Condition, dice: Dice) -> tuple[str, str]:
    """A page on a code, in our own words."""
    signs = listed(dice.some(c["symptoms"], 2))
    support = dice.pick(["Before coding, look for", "Supported by", "Needs in the record:"])
    rule = dice.pick(["Choose a more specific code where one fits.", "Do not code a mere suspicion.", "Code it once."])
    text = (
        f"Code {c['code']}\n"
        f"Stands for: {c['name']}, in plain words {c['lay']}.\n"
        f"Place in the tree: category {c['code'].partition('.')[0]}, {c['system']} disorders.\n"
        f"{dice.pick(['Meaning', 'Explanation'])}: {c['means']}.\n"
        f"{dice.pick(['The note often says', 'Seen in notes'])}: {signs}; {c['finding']}.\n"
        f"{support} {c['test']}{dice.pick([' and ' + c['treatment'], ''])}. {rule}"
    )
    return text, f"{c['code']} is the code of {c['name']}: {c['means']}."


def guideline(c: Condition, dice: Dice) -> tuple[str, str]:
    """Recommendations, with their strength."""
    strong, weak = dice.pick([("strong", "conditional"), ("grade A", "grade C"), ("must", "may")])
    visit = dice.pick(["at each visit", "once a year", "after six weeks", "whenever the dose changes"])
    after = dice.pick(["Review this page in two years.", "Refer when this fails.", "Audit one chart in ten."])
    advice = [
        f"Suspect {c['name']} in adults with {listed(c['symptoms'])} ({strong}).",
        f"Confirm it by {c['test']}; a typical result is {c['finding']} ({strong}).",
        f"First choice: {c['treatment']}. Do not use {c['wrong']} ({strong}).",
        f"Ask about {c['risk']} {visit} ({weak}).",
        f"Advise: {c['advice']} ({weak}).",
    ]
    del advice[dice.number(3, 4)]
    numbered = "\n".join(f"{number}. {line}" for number, line in enumerate(advice, start=1))
    heading = dice.pick(["Recommendations on", "Care pathway:", "Local guidance for"])
    text = f"{heading} {c['name']}\n{numbered}\n{after}"
    return text, f"Confirm {c['name']} by {c['test']} and treat it with {c['treatment']}, not with {c['wrong']}."


def medwiki(c: Condition, dice: Dice) -> tuple[str, str]:
    """A page of an encyclopedia."""
    opening = dice.pick(
        [
            f"{up(c['name'])}, in everyday speech {c['lay']}, is {an(c['system'])} condition: {c['means']}.",
            f"{up(c['name'])} is what doctors call {c['lay']}. It means {c['means']}.",
        ]
    )
    who = dice.pick(["It runs in some families.", "It can appear at any age.", "It is seen in all countries."])
    signs = listed(dice.some(c["symptoms"], 2))
    sections = [
        f"== {dice.pick(['Signs', 'What one notices'])} ==\nPeople with it notice {signs}.",
        f"== {dice.pick(['Causes', 'Who gets it'])} ==\nOne known factor is {c['risk']}. {who}",
        f"== Diagnosis ==\nDoctors rely on {c['test']}. A telling sign is {c['finding']}.",
        f"== Treatment ==\nThe usual way is {c['treatment']}; {dice.pick(['also', 'and'])} {c['advice']}.",
    ]
    del sections[dice.number(0, 3)]
    text = "\n".join([up(c["name"]), opening, *sections])
    return text, f"{up(c['name'])} ({c['lay']}) means {c['means']} and is treated with {c['treatment']}."


def documents(name: str, write: Callable[[Condition, Dice], tuple[str, str]], all_: list[Condition]) -> Iterable[Row]:
    """Two documents on most conditions, in two rounds."""
    for turn, round_ in enumerate((all_, all_[::3] + all_[1::3]), start=1):
        for c in round_:
            text, summary = write(c, Dice(f"{name} {c['code']} {turn}"))
            yield {"id": f"{name}-{c['code']}-{turn}", "text": text, "task_data": [summary]}


def inference(c: Condition, dice: Dice, others: list[Condition]) -> Row:
    """Whether a statement follows from a sentence."""
    _, sex, _ = person(c, dice)
    label = dice.in_turn(["entailment", "neutral", "contradiction"])
    said = f"The {sex} came with {c['symptoms'][1]}, and {c['test']} showed {c['name']}."
    statement = {
        "entailment": f"The patient has {c['lay']}.",
        "neutral": f"The patient has a family history of {others[0]['name']}.",
        "contradiction": f"The patient has never had {c['symptoms'][1]}.",
    }[label]
    task = "Judge the statement by the sentence: entailment, neutral or contradiction."
    return row(task, f"Sentence: {said}\nStatement: {statement}\nAnswer:", label, "textual entailment")


def choice(c: Condition, dice: Dice, others: list[Condition]) -> Row:
    """Which definition a code has."""
    letter = dice.in_turn("CADB")
    meanings = [other["means"] for other in others[:3]]
    meanings.insert("ABCD".index(letter), c["means"])
    options = "\n".join(f"{mark}. {up(text)}" for mark, text in zip("ABCD", meanings, strict=True))
    task = f"Pick the meaning of the ICD-10-CM code {c['code']}. Answer with its letter."
    return row(task, f"{options}\n\nLetter:", letter, "multiple-choice question answering")


def wrong_sentence(c: Condition, dice: Dice, others: list[Condition]) -> Row:
    """Which sentence of a note is wrong, if one is."""
    who, _, pronoun = person(c, dice)
    wrong = dice.in_turn([True, True, False])
    lines = [
        f"{who} is seen for {c['symptoms'][0]}.",
        f"{pronoun} also has {c['symptoms'][2]}.",
        f"We found {c['finding']}.",
        f"This is {c['name']}.",
    ]
    place = dice.number(1, len(lines))
    lines.insert(place, f"Treatment is {c['wrong'] if wrong else c['treatment']}.")
    note = "\n".join(f"{number} {line}" for number, line in enumerate(lines))
    task = "Give the number of the medically wrong sentence, or -1 if there is none."
    answer = str(place) if wrong else "-1"
    return row(task, f"Note:\n{note}\n\nNumber of the wrong sentence, or -1:", answer, "error detection & correction")


def social_history(c: Condition, dice: Dice, others: list[Condition]) -> Row:
    """What a social history says, as JSON."""
    work, kind = dice.pick([("Retired", "mail carrier"), ("Works as a", "welder"), ("Employed as a", "florist")])
    smoke = dice.pick(["Never smoked", "Former smoker", "Current smoker"])
    drink = dice.pick(["No alcohol", "Occasional wine", "Denies alcohol", "Sober since spring"])
    found = [
        {"entity": "Employment", "label": "StatusEmploy", "value": work.split()[0]},
        {"entity": "Employment", "label": "Type", "value": kind},
        {"entity": "Tobacco", "label": "StatusTime", "value": smoke.split()[0]},
        {"entity": "Alcohol", "label": "StatusTime", "value": drink.split()[0]},
    ]
    task = "List what is said of work, tobacco and alcohol, as JSON."
    note = f"Note:\n{work} {kind}, here for {c['symptoms'][0]}. {smoke}. {drink}.\n\nJSON list:"
    return row(task, note, json.dumps(found), "named entity recognition")


def mentions(c: Condition, dice: Dice, others: list[Condition]) -> Row:
    """The diseases that a title names, as JSON."""
    title = dice.pick(
        [
            "Outcomes of {} in patients who also have {}.",
            "From {} to {}: a review of shared pathways.",
            "Does {} protect against {}?",
        ]
    ).format(c["name"], others[0]["name"])
    found = [{"text": name, "type": "SpecificDisease"} for name in (c["name"], others[0]["name"])]
    task = "List the diseases that the article names, as JSON."
    return row(task, f"Article:\n{title}\n\nJSON list:", json.dumps(found), "named entity recognition")


def problems(c: Condition, dice: Dice, others: list[Condition]) -> Row:
    """The problems of a day's assessment."""
    who, _, _ = person(c, dice)
    said = (
        f"Assessment:\n{who}, day {dice.number(2, 9)}. {up(c['name'])} with {c['finding']}, now on "
        f"{c['treatment']}. {up(others[0]['name'])} is stable.\n\nProblems:"
    )
    task = "List the active problems, the main one first, separated by semicolons."
    return row(task, said, f"{up(c['name'])}; {up(others[0]['name'])}", "summarization")


def short_question(c: Condition, dice: Dice, others: list[Condition]) -> Row:
    """A message as a short question."""
    ask, answer = dice.pick(
        [
            (f"can you tell me what helps with {c['lay']}", f"What are the treatments for {c['name']}?"),
            (f"how do doctors find out whether it is {c['lay']}", f"How is {c['name']} diagnosed?"),
        ]
    )
    who = dice.pick(["my aunt", "my neighbor", "a friend at work", "my brother"])
    message = f"Message:\nhello, {who} has had {c['symptoms'][0]} since spring, {ask}? thanks\n\nShort question:"
    return row("Turn the message into one short medical question.", message, answer, "summarization")


def codes(c: Condition, dice: Dice, others: list[Condition]) -> Row:
    """The codes of a letter."""
    letter = (
        f"Letter:\nAdmitted with {c['symptoms'][0]}; {c['test']} confirmed {c['name']}. Treated with {c['treatment']}. "
        f"Also known: {others[0]['name']}. Discharged home.\n\nCodes:"
    )
    task = "Give the ICD-10-CM codes that the letter supports, separated by commas."
    return row(task, letter, f"{c['code']}, {others[0]['code']}", "classification")


def medicine(c: Condition, dice: Dice, others: list[Condition]) -> Row:
    """What a drug is for, and what else one is told with it."""
    drug = c["treatment"] if c["drug"] == "no drug" else c["drug"]
    question = dice.pick([f"what is {drug} used for", f"why would my doctor suggest {drug}"])
    answer = f"It is used for {c['name']}."
    return row(
        "Answer the question in few words.",
        f"Question about a medicine: {question}?\n\nAnswer:",
        answer,
        "question answering",
    )


def finding(c: Condition, dice: Dice, others: list[Condition]) -> Row:
    """A question on findings."""
    size = dice.pick(["4 mm", "9 mm", "12 mm", "2 cm"])
    place = dice.pick(["right upper lobe", "left lower lobe", "lingula", "right middle lobe"])
    text = (
        f"Findings:\nNormal heart. There is a nodule of {size} in the {place}. History of {c['name']}.\n\n"
        "Question: Where is the nodule?\n\nAnswer:"
    )
    return row("Answer from the findings, as briefly as you can.", text, up(place), "question answering")


def row(instruction: str, asked: str, output: str, kind: str) -> Row:
    """An instruction row with MediFlow's columns, as far as a template can fill them."""
    return {"instruction": instruction, "input": asked, "output": output, "task_type": kind}


FORMS: dict[Callable[[Condition, Dice, list[Condition]], Row], int] = {
    inference: 24,
    choice: 20,
    wrong_sentence: 18,
    social_history: 7,
    mentions: 7,
    problems: 7,
    short_question: 7,
    codes: 7,
    medicine: 7,
    finding: 6,
}


def instructions(all_: list[Condition]) -> Iterable[Row]:
    """Every form, in turn."""
    made = {write: list(_rows(write, count, all_)) for write, count in FORMS.items()}
    for place in range(max(FORMS.values())):
        yield from (rows[place] for rows in made.values() if place < len(rows))


def _rows(write: Callable[[Condition, Dice, list[Condition]], Row], count: int, all_: list[Condition]) -> Iterable[Row]:
    order = Dice(write.__name__).some(all_, count)
    for turn, c in enumerate(order):
        dice = Dice(f"{write.__name__} {c['code']}", turn)
        yield write(c, dice, dice.some([other for other in all_ if other is not c], 3))


def preferences(all_: list[Condition]) -> Iterable[Row]:
    """A good answer and a slightly worse one, with what is wrong with it."""
    for number, c in enumerate([*all_, *all_[:10]]):
        dice = Dice(f"preference {number}")
        other = dice.pick([each for each in all_ if each["treatment"] != c["treatment"]])
        good = f"{up(c['name'])} is treated with {c['treatment']}. Patients are told: {c['advice']}."
        worse = {
            "factual inaccuracy": f"{up(c['name'])} is treated with {c['wrong']}. Patients are told: {c['advice']}.",
            "brevity": f"{up(c['treatment'])}.",
            "over-verbosity": f"{good} In other words, and to say it once more, the treatment is {c['treatment']}.",
            "misinterpretation": f"{up(other['name'])} is treated with {other['treatment']}.",
            "ambiguity": f"{up(c['name'])} is treated with something suitable. Patients are told what matters.",
            "spelling errors": good.replace("treated", "traeted").replace("Patients", "Pateints"),
        }
        kind = list(worse)[number % len(worse)]
        asked = f"Question: How is {c['name']} treated{dice.pick([' today', ', in short', ''])}?\n\nAnswer:"
        task = dice.pick(["Answer the clinician's question.", "Give a short answer for a colleague."])
        yield {**row(task, asked, good, "question answering"), "rejected_output": worse[kind], "error_type": kind}


def files() -> dict[str, list[Row]]:
    """Every file with its rows."""
    all_ = yaml.safe_load((HERE / "rehearsal_conditions.yaml").read_text(encoding="utf-8"))
    writers = {"pubmed": pubmed, "clinical": clinical, "medcode": medcode, "guideline": guideline, "medwiki": medwiki}
    return {
        **{f"{name}.jsonl": list(documents(name, write, all_)) for name, write in writers.items()},
        "instructions.jsonl": list(instructions(all_)),
        "preferences.jsonl": list(preferences(all_)),
    }


def content(rows: Iterable[Row]) -> str:
    """JSON Lines."""
    return "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in rows)


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    for name, rows in files().items():
        write_atomic(folder / name, content(rows))
        print(f"{folder / name}: {len(rows)} rows")
