"""The words by which a radiology report says what is seen, what is not, and what may be.

Written from clinical usage for this project. Phrases stand between commas, in the singular that `words` makes; where
several fit, the longest counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from clueplus.metrics.phrases import PhraseTable

OBSERVATIONS = (
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
    "No Finding",
)
"""The fourteen observations of Irvin et al., "CheXpert", AAAI 2019, in their usual order."""

ABNORMALITY = "abnormality"  # "no acute process": said of no one observation, and of all

# What is named by itself.
FINDINGS = {
    "Enlarged Cardiomediastinum": """mediastinal widening, mediastinal enlargement, cardiomediastinal enlargement,
        mediastinal hematoma""",
    "Cardiomegaly": "cardiomegaly, cardiac enlargement, ventricular enlargement, atrial enlargement",
    "Lung Opacity": """opacity, opacification, density, infiltrate, infiltration, airspace disease, air space disease,
        ground glass, haziness, hazy, interstitial marking, interstitial prominence, reticulation, reticular, scarring,
        interstitial lung disease, interstitial disease, interstitial thickening, peribronchial cuffing,
        nodular opacity, parenchymal disease, alveolar disease""",
    "Lung Lesion": """lesion, lung lesion, mass, nodule, nodular opacity, nodular density, tumor, tumour, neoplasm,
        malignancy, cancer, carcinoma, metastasis, metastases, metastatic disease, granuloma, cavitation, cavitary""",
    "Edema": """edema, oedema, vascular congestion, venous congestion, pulmonary congestion, fluid overload,
        volume overload, heart failure, cardiac failure, chf, kerley line, kerley b line, cephalization,
        vascular redistribution, vascular engorgement, cardiac decompensation""",
    "Consolidation": "consolidation, consolidative, consolidated",
    "Pneumonia": "pneumonia, bronchopneumonia, infection, infectious process, infectious, pneumonitis",
    "Atelectasis": """atelectasis, atelectases, atelectatic, volume loss, loss of volume, lobar collapse, lobe collapse,
        segmental collapse, subsegmental collapse""",
    "Pneumothorax": "pneumothorax, pneumothoraces, hydropneumothorax, ptx",
    "Pleural Effusion": """effusion, pleural fluid, hydrothorax, hemothorax, haemothorax, hydropneumothorax, empyema,
        costophrenic blunting, costophrenic angle blunting""",
    "Pleural Other": """pleural thickening, pleural plaque, pleural scarring, pleural calcification, pleural mass,
        pleural lesion, pleural nodule, fibrothorax, apical thickening, apical capping""",
    "Fracture": "fracture, fractured, compression deformity, wedge deformity, vertebral compression, broken rib",
    "Support Devices": """tube, catheter, picc, central line, venous line, subclavian line, jugular line, arterial line,
        dialysis line, ett, dobbhoff, pacemaker, pacer, icd, aicd, defibrillator, pacing lead, pacing wire,
        sternotomy wire, sternal wire, clip, stent, swan ganz, balloon pump, iabp, ecmo, lvad, tracheostomy,
        port a cath, mediport, chest port, prosthetic valve, valve replacement, drain, prosthesis, hardware,
        support device, monitoring device""",
    ABNORMALITY: """abnormality, acute cardiopulmonary process, acute cardiopulmonary abnormality,
        acute cardiopulmonary disease, acute cardiopulmonary finding, acute cardiopulmonary pathology,
        cardiopulmonary process, cardiopulmonary disease, cardiopulmonary abnormality, acute process, acute abnormality,
        acute disease, acute finding, acute pathology, active disease, intrathoracic process, acute pulmonary process,
        acute intrathoracic process""",
}
# What looks like one of them and is none.
OTHER = """pericardial effusion, joint effusion, subcutaneous edema, soft tissue edema, peripheral edema, leg edema,
    cerebral edema, bone lesion, bony lesion, osseous lesion, lytic lesion, sclerotic lesion, rib lesion, breast mass,
    mediastinal mass, thyroid mass, soft tissue mass, mass effect, body mass, bone density, soft tissue density,
    urinary tract infection"""


class Structure(NamedTuple):
    """A part of the chest that is judged by an adjective: the phrases for it, and which adjectives mean what."""

    phrases: str
    abnormal: str
    normal: str


ENLARGED = "enlarged, enlargement, widened, widening, wide, dilated, abnormal"
NORMAL = "normal, unremarkable, within normal limit"
STRUCTURES = {
    "Cardiomegaly": Structure(
        """heart, heart size, cardiac silhouette, cardiac size, cardiac contour, cardiac shadow,
        cardiac and mediastinal silhouette, cardiac and mediastinal contour""",
        ENLARGED,
        NORMAL,
    ),
    "Enlarged Cardiomediastinum": Structure(
        """mediastinum, mediastinal silhouette, mediastinal contour, mediastinal width, cardiomediastinum,
        cardiomediastinal silhouette, cardiomediastinal contour, superior mediastinum,
        cardiac and mediastinal silhouette, cardiac and mediastinal contour""",
        ENLARGED,
        NORMAL,
    ),
    "Lung Opacity": Structure("lung, lung field, lung zone, lung volume", "", f"{NORMAL}, clear"),
    "Pleural Effusion": Structure(
        "costophrenic angle, costophrenic sulcus, costophrenic sulci, costophrenic recess",
        "blunted, blunting, blunt, obscured, obliterated",
        f"{NORMAL}, clear, sharp",
    ),
    "Fracture": Structure("bone, bony structure, osseous structure, rib, bony thorax", "", f"{NORMAL}, intact"),
    ABNORMALITY: Structure(
        "chest, chest radiograph, chest x ray, cxr, study, examination, exam, radiograph", "", f"{NORMAL}, clear"
    ),
}
BORDERLINE = "is borderline, borderline enlarged, borderline enlargement, top normal, upper limit of normal, prominent"

# Before what they deny, question or leave open; after it; on both sides.
NO_BEFORE = """no, not, nor, neither, never, without, negative for, free of, clear of, absence of, lack of, denies,
    deny, resolution of, clearance of, removal of"""
NO_AFTER = """no longer, resolved, cleared, absent, ruled out, been excluded, is excluded, are excluded, removed,
    is negative, are negative, disappeared, not seen, not identified, not evident, not present, not noted,
    not demonstrated, not visualized, not visualised, not appreciated, not detected, not apparent, not visible"""
MAYBE_BEFORE = """possible, possibly, possibility of, probable, probably, likely, may, might, could, suspected,
    suspicious, suspicion, concerning, concern, worrisome, questionable, question, not exclude, cannot exclude,
    can not exclude, can t exclude, not rule out, cannot rule out, can t rule out, difficult to exclude, suggest,
    suggesting, suggestive, suggestion, presumed, presumably, potential, potentially, perhaps, equivocal, borderline,
    differential, not excluding, without excluding"""
MAYBE_AFTER = """not excluded, not be excluded, cannot be excluded, can t be excluded, not entirely excluded,
    cannot be entirely excluded, not be entirely excluded, not ruled out, not be ruled out, cannot be ruled out,
    is possible, are possible, is likely, are likely, is suspected, are suspected, is questioned, in question,
    hard to exclude, is considered"""
MAYBE_AROUND = "versus, vs"
# Asked, or said of the past: not seen in this picture.
ASKED_BEFORE = """evaluate, evaluation for, evaluation of, assess, assessment for, rule out, r o, query, history of,
    h o, indication, to exclude, to rule out, in case of, risk of, check for, please"""
# They hold a word above, and deny nothing.
NO_CUE = """no change, no interval change, no significant change, no significant interval change, no new change,
    no increase, no decrease, no improvement, without change, without significant change, without interval change,
    not changed, not significantly changed, not resolved, not cleared, not completely resolved, not improved,
    not removed, not only"""
STOP = """but, however, although, though, yet, whereas, while, except, except for, apart from, aside from, other than,
    besides, otherwise, nevertheless, despite"""

_VERBS = "is, are, was, were, has, have, had, remain, remained, appear, appeared, persist, show, demonstrate"
_BEGINNING = "the, a, an, there, this, these"
_ASSERTING = """mild, mildly, moderate, moderately, severe, severely, small, large, tiny, trace, minimal, stable,
    unchanged, new, increased, increasing, decreased, decreasing, improved, improving, worsened, worsening, persistent,
    persist, remain, remained, again, minor, massive, extensive, slight, subtle"""
_OPEN = "no, not, of, or, and, the, a, an, with, without, for, to, in, is, are, by, on, at, right, left"


def split(phrases: str) -> list[str]:
    """The phrases of a table's cell."""
    return [" ".join(phrase.split()) for phrase in phrases.split(",") if phrase.strip()]


JOINING = frozenset({",", "and", "with"})
LISTING = frozenset({"or", "nor"})
VERBS = frozenset(split(_VERBS))
# After a comma or "and" these begin a statement of its own: "no effusion, mild cardiomegaly".
BEGINNING = frozenset(split(_BEGINNING))
ASSERTING = frozenset(split(_ASSERTING))
# A line that ends with one of these, or with a comma, goes on in the next.
OPEN = frozenset([",", *split(_OPEN)])


class Kind(StrEnum):
    """What a phrase does in a sentence."""

    FINDING = "finding"
    STRUCTURE = "structure"
    STATE = "state"
    NO_BEFORE = "no before"
    NO_AFTER = "no after"
    MAYBE_BEFORE = "maybe before"
    MAYBE_AFTER = "maybe after"
    MAYBE_AROUND = "maybe around"
    ASKED_BEFORE = "asked before"
    STOP = "stop"
    NONE = "none"


class Role(NamedTuple):
    """The kind of a phrase, and the observations that it names; of a state, the state itself."""

    kind: Kind
    names: tuple[str, ...] = ()


_TOKEN = re.compile(r"[0-9]+(?:\.[0-9]+)?|[a-z]+|[.,;!?]")


def words(text: str) -> list[str]:
    """The words and marks of a text, in lower case and in the singular."""
    return [_singular(word) for word in _TOKEN.findall(text.lower())]


def _singular(word: str) -> str:
    if len(word) < 4 or word[-1] != "s" or word[-2] in "sui" or word == "denies":
        return word
    return f"{word[:-3]}y" if word.endswith("ies") else word[:-1]


@lru_cache(maxsize=1)
def phrase_table() -> PhraseTable[Role]:
    """All phrases above with their roles."""
    return PhraseTable((words(phrase), role) for phrase, role in _roles())


def _roles() -> Iterator[tuple[str, Role]]:
    # Of equal phrases the first stays: what is more particular comes first.
    for phrases in (OTHER, NO_CUE):
        yield from ((phrase, Role(Kind.NONE)) for phrase in split(phrases))
    yield from _named(FINDINGS, Kind.FINDING)
    yield from _named({name: structure.phrases for name, structure in STRUCTURES.items()}, Kind.STRUCTURE)
    for structure in STRUCTURES.values():
        states = split(f"{structure.abnormal}, {structure.normal}, {BORDERLINE}")
        yield from ((state, Role(Kind.STATE, (state,))) for state in states)
    for kind, phrases in _CUES.items():
        yield from ((phrase, Role(kind)) for phrase in split(phrases))


def _named(table: Mapping[str, str], kind: Kind) -> Iterator[tuple[str, Role]]:
    for phrase in {phrase: None for phrases in table.values() for phrase in split(phrases)}:
        yield phrase, Role(kind, tuple(name for name, phrases in table.items() if phrase in split(phrases)))


_CUES = {
    Kind.MAYBE_AROUND: MAYBE_AROUND,
    Kind.ASKED_BEFORE: ASKED_BEFORE,
    Kind.NO_AFTER: NO_AFTER,
    Kind.NO_BEFORE: NO_BEFORE,
    Kind.MAYBE_AFTER: MAYBE_AFTER,
    Kind.MAYBE_BEFORE: MAYBE_BEFORE,
    Kind.STOP: STOP,
}
