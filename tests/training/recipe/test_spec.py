"""What a recipe may say, and what a typo in it costs: one line with the file, the line and the name that was meant."""

from collections.abc import Callable

import pytest

from clueplus.errors import ClueplusError
from clueplus.training.recipe.find import read_recipe, recipe_names
from clueplus.training.recipe.rehearse import rehearsed
from clueplus.training.recipe.spec import Recipe
from tests.training.recipe.conftest import ORDER

Write = Callable[..., Recipe]


def test_stages_come_after_what_they_need_and_else_in_the_files_order(write: Write) -> None:
    assert write().order() == ORDER


def test_a_stage_may_be_written_before_what_it_needs(write: Write) -> None:
    moved = ("stages:\n", "stages:\n  early:\n    align: {method: sft, base: merged, rows: rows, training: {}}\n")
    order = write(moved).order()
    assert order.index("merged") < order.index("early")
    assert sorted(order) == sorted([*ORDER, "early"])


def test_up_to_a_stage_is_that_and_what_it_needs(write: Write) -> None:
    assert write().up_to("merged") == ["notes", "expert", "merged"]


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("description:", "desciption:", 2, "desciption: unknown key; did you mean description?"),
        ("corpus: notes", "corpus: note", 13, "corpus: no stage 'note'; did you mean notes?"),
        ("base: merged", "base: merge", 17, "base: no stage 'merge'; did you mean merged?"),
        ("corpus: notes", "corpus: merged", 13, "the stage 'merged' is of kind merge, and this takes corpus"),
        ("corpus: notes", "corpus: base", 13, "'base' is a model"),
        ("base: merged, ", "base: rows, ", 17, "is of kind corpus, and this takes expert or merge or align"),
        ("candidate: after", "candidate: sft", 23, "is of kind align, and this takes evaluate"),
        ("phases: [{steps: 2}]", "phases: [{stepps: 2}]", 13, "stepps: unknown key; did you mean steps or"),
        ("merge_method: slerp", "merge_method: slurp", 15, "unknown merge_method 'slurp'"),
        ("parameters: {t: 0.5}", "parameters: {tt: 0.5}", 15, "unknown parameter 'tt' for slerp"),
        ("evaluate: {model: base", "evaluat: {model: base", 19, "evaluat: unknown key; did you mean evaluate?"),
        ("  before:\n", "  base:\n", 18, "no stage is called so"),
        ("  gate:\n", "  gate:\n    align: {method: sft, rows: rows, training: {}}\n", 22, "a stage is one of corpus,"),
        ("licence: CC0-1.0, ", "", 7, "licence: Field required"),
        ("method: dapt", "method: dap", 13, "Input should be 'dapt' or 'pit'"),
        ("stages:\n", "rehearsal: {expert: {step: 1}}\nstages:\n", 4, "step: unknown key; did you mean steps or"),
        ("stages:\n", "rehearsal: {stages: {sfd: {}}}\nstages:\n", 4, "no stage of this name; did you mean sft?"),
    ],
)
def test_a_mistake_is_one_line(write: Write, old: str, new: str, line: int, said: str) -> None:
    with pytest.raises(ClueplusError) as error:
        write((old, new))
    assert f"small.yaml:{line}: " in str(error.value)
    assert said in str(error.value)


def test_the_base_of_rehearsals_is_no_base_of_a_recipe(write: Write) -> None:
    with pytest.raises(ClueplusError, match="'rehearsal' is the model that --rehearse makes"):
        write(("base: BASE", "base: rehearsal"))


def test_stages_that_wait_for_each_other_are_named(write: Write) -> None:
    with pytest.raises(ClueplusError, match="stages wait for each other: sft -> more -> sft"):
        write(
            ("base: merged", "base: more"),
            ("  before:\n", "  more:\n    align: {method: sft, base: sft, rows: rows, training: {}}\n  before:\n"),
        )


def test_the_recipes_seed_is_that_of_every_stage_without_its_own(write: Write) -> None:
    recipe = write(("stages:\n", "seed: 7\nstages:\n"), ("training: {steps: 2}", "training: {steps: 2, seed: 9}"))
    assert recipe.stages["expert"].expert.phases[0].seed == 7
    assert recipe.stages["notes"].corpus.seed == 7
    assert recipe.stages["merged"].merge.seed == 7
    assert recipe.stages["sft"].align.training.seed == 9


@pytest.mark.parametrize("name", recipe_names())
def test_a_shipped_recipe_is_valid_and_can_be_rehearsed(name: str) -> None:
    recipe = read_recipe(name)
    rehearsal = rehearsed(recipe)
    assert recipe.name == name
    assert rehearsal.order() == recipe.order()
    assert all(source.path for stage in rehearsal.stages.values() if stage.corpus for source in stage.corpus.sources)


def test_mediphi_has_the_papers_graph_and_hyperparameters() -> None:
    """Corbeil et al., ACL 2025, table 6 and the model cards."""
    stages = read_recipe("mediphi").stages
    kinds = [stage.kind for stage in stages.values()]
    assert [kinds.count(kind) for kind in ("expert", "merge", "align", "gate")] == [5, 8, 2, 1]
    dapt, pit = stages["pubmed-expert"].expert, stages["medcode-expert"].expert
    assert (dapt.method, pit.method) == ("dapt", "pit")
    for phase, rate, epochs in ((dapt.phases[0], 1e-4, 1), (pit.phases[0], 1e-4, 1), (pit.phases[1], 3e-4, 2)):
        assert (phase.learning_rate, phase.epochs, phase.batch) == (rate, epochs, 512)
        assert (phase.max_length, phase.warmup_steps, phase.neftune_alpha, phase.schedule) == (4096, 35, 5, "cosine")
    parts = {name: stages[f"{name}-slerp"].merge.parameters["t"] for name in ("medcode", "guideline")}
    assert parts == {"medcode": 0.5, "guideline": 0.25}
    sft, dpo = stages["sft"].align, stages["dpo"].align
    assert (sft.training.learning_rate, sft.training.epochs, sft.training.batch) == (2e-5, 2, 256)
    assert (sft.training.warmup_steps, sft.training.neftune_alpha) == (40, 5)
    assert (dpo.training.learning_rate, dpo.training.epochs, dpo.training.batch) == (1e-6, 1, 128)
    assert (dpo.training.warmup_steps, dpo.beta) == (50, 0.1)


def test_a_rehearsal_changes_what_its_block_says_and_nothing_else(write: Write) -> None:
    block = """\
launch: many.yaml
rehearsal:
  expert: {learning_rate: 0.5}
  evaluate: {backend: hf}
  corpora: {notes: [{name: few, licence: CC0-1.0, path: few.jsonl}]}
  stages: {sft: {training: {batch: 3}}}
stages:
"""
    recipe = write(("stages:\n", block))
    rehearsal = rehearsed(recipe)
    assert rehearsal.stages["notes"].corpus.sources[0].path == str(recipe.path.parent / "few.jsonl")
    assert rehearsal.stages["expert"].expert.phases[0].learning_rate == 0.5
    assert rehearsal.stages["sft"].align.training.batch == 3
    assert rehearsal.stages["after"].evaluate.backend == "hf"
    assert (rehearsal.base, rehearsal.launch) == ("rehearsal", None)
    same = ("rows", "merged", "gate")
    assert [rehearsal.stages[name] for name in same] == [recipe.stages[name] for name in same]
    changed = {"learning_rate": 0.5}
    assert rehearsal.stages["expert"].expert.phases[0] == recipe.stages["expert"].expert.phases[0].model_copy(
        update=changed
    )


def test_a_rehearsal_that_spoils_a_stage_is_refused(write: Write) -> None:
    recipe = write(("stages:\n", "rehearsal: {stages: {sft: {method: sff}}}\nstages:\n"))
    with pytest.raises(ClueplusError, match=r"in a rehearsal, stages\.sft\.align\.method: Input should be"):
        rehearsed(recipe)


def test_an_unknown_recipe_names_the_one_that_was_meant() -> None:
    with pytest.raises(ClueplusError, match=r"unknown recipe 'medifi'\. Fix: did you mean mediphi"):
        read_recipe("medifi")
    with pytest.raises(ClueplusError, match=r"here/mine.yaml: no such file"):
        read_recipe("here/mine.yaml")
