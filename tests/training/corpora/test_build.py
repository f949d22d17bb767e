"""A corpus from its sources: what stays, what goes and why, and a folder that appears whole or not at all."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from clueplus.errors import ClueplusError, DataError
from clueplus.files import sha256
from clueplus.training.corpora.build import build_corpus
from clueplus.training.corpora.manifest import read_manifest
from clueplus.training.corpora.spec import CorpusSpec
from tests.support.corpora import SENTENCE, WORDS, corpus, read_rows, surroundings, write_rows, write_task

FILLER = [f"document {number} says {' '.join(f'{word}{number}' for word in WORDS)}" for number in range(40)]


@pytest.fixture
def build(tmp_path):
    """Builds a corpus of one file of rows, and returns its manifest and rows."""

    def built(rows, kind="documents", **fields):
        write_rows(tmp_path / "in.jsonl", rows)
        out = tmp_path / f"out{len(list(tmp_path.iterdir()))}"
        manifest = build_corpus(corpus(kind=kind, **fields), out, surroundings(tmp_path))
        assert read_manifest(out) == manifest
        return manifest, read_rows(out)

    return built


def instruction(number, **changes):
    texts = {"instruction": "Say which it is.", "input": FILLER[number], "output": f"It is number {number}."}
    return {**texts, **changes}


def test_documents_keep_their_order_their_text_and_their_source(build):
    manifest, rows = build([*FILLER[:3]])
    assert rows == [{"id": f"src-{n + 1}", "source": "src", "text": FILLER[n]} for n in range(3)]
    assert (manifest.rows, manifest.characters, manifest.dropped) == (3, sum(map(len, FILLER[:3])), {})
    assert (manifest.tokens, manifest.tokens_unknown) == (None, "no tokenizer was given")


def test_the_manifest_tells_where_everything_is_from(build, tmp_path):
    manifest, _ = build(FILLER[:3])
    (source,) = manifest.sources
    assert source.files == {"in.jsonl": sha256((tmp_path / "in.jsonl").read_bytes())}
    assert (source.name, source.licence, source.read, source.kept, source.tier) == ("src", "none", 3, 3, "open")
    assert [(s.task, s.variant, s.documents) for s in manifest.test_splits] == [("toy", "sample", 1)]
    assert manifest.spec == corpus()
    assert manifest.spec.seed == 1234


def test_everything_that_goes_is_counted_by_its_reason(build):
    near = FILLER[0] + " again"
    rows = [FILLER[0], FILLER[0].upper(), near, SENTENCE, "...", {"text": 5}, {"other": 1}, FILLER[1]]
    manifest, kept = build(rows, near_duplicates={"threshold": 0.7})
    assert [row["text"] for row in kept] == [FILLER[0], FILLER[1]]
    assert manifest.dropped == {
        "duplicate": 1,
        "near-duplicate": 1,
        "overlap with a test split": 1,
        "no words": 1,
        "no text in 'text'": 2,
    }
    (source,) = manifest.sources
    assert source.read == 8 == source.kept + sum(source.dropped.values())
    assert [(bad.file, bad.row, bad.reason) for bad in source.bad_rows] == [
        ("in.jsonl", 6, "no text in 'text'"),
        ("in.jsonl", 7, "no text in 'text'"),
    ]
    assert [(o.task, o.variant, o.rule, o.rows, o.runs) for o in manifest.overlaps] == [
        ("toy", "sample", "n-gram", 1, 4),
        ("toy", "sample", "whole text", 1, 1),
    ]


def test_hundreds_of_bad_rows_are_counted_and_the_first_are_listed(build):
    manifest, _ = build([FILLER[0], *[{"text": None}] * 300])
    assert manifest.dropped == {"no text in 'text'": 300}
    assert [bad.row for bad in manifest.sources[0].bad_rows] == list(range(2, 22))


def test_near_duplicates_stay_where_the_spec_says_so(build):
    manifest, rows = build([FILLER[0], FILLER[0] + " again"], near_duplicates=None)
    assert len(rows) == 2
    assert manifest.dropped == {}


def test_a_share_lets_a_quote_pass(build):
    quote = "x " + " ".join(WORDS[:14])  # two of four runs
    assert build([quote, FILLER[0]], decontaminate={"share": 0.6})[0].rows == 2
    assert build([quote, FILLER[0]], decontaminate={"share": 0.4})[0].rows == 1


def test_shorter_runs_can_be_asked_for(build):
    quote = "x " + " ".join(WORDS[:8])
    assert build([quote, FILLER[0]])[0].rows == 2
    assert build([quote, FILLER[0]], decontaminate={"ngram": 8})[0].rows == 1


def test_task_data_of_a_column_is_kept_and_searched(build):
    rows = [{"text": FILLER[0], "made": ["short"]}, {"text": FILLER[1]}, {"text": FILLER[2], "made": [SENTENCE]}]
    manifest, kept = build(rows, task_data="made")
    assert kept[0]["task_data"] == ["short"]
    assert "task_data" not in kept[1]
    assert (manifest.rows, manifest.with_task_data) == (2, 1)
    assert manifest.characters == len(FILLER[0]) + len("short") + len(FILLER[1])


def test_the_first_of_two_sources_keeps_what_both_have(tmp_path):
    write_rows(tmp_path / "a.jsonl", FILLER[:2])
    write_rows(tmp_path / "b.jsonl", FILLER[1:3])
    sources = [{"name": name, "licence": "none", "path": f"{name}.jsonl"} for name in "ba"]
    manifest = build_corpus(CorpusSpec(sources=sources), tmp_path / "out", surroundings(tmp_path))
    assert [row["id"] for row in read_rows(tmp_path / "out")] == ["b-1", "b-2", "a-1"]
    assert [(source.name, source.kept, source.dropped) for source in manifest.sources] == [
        ("b", 2, {}),
        ("a", 1, {"duplicate": 1}),
    ]


def test_instruction_rows_go_into_rows(build):
    rows = [instruction(0), instruction(1, output=""), instruction(2, input=SENTENCE), instruction(0), instruction(3)]
    manifest, kept = build(rows, kind="instructions")
    assert manifest.file == "rows.jsonl"
    assert kept == [{"id": f"src-{n + 1}", "source": "src", **rows[n]} for n in (0, 4)]
    assert manifest.dropped == {"empty output": 1, "overlap with a test split": 1, "duplicate": 1}


@pytest.mark.parametrize("column", ["instruction", "input", "output"])
def test_every_text_of_a_row_is_searched(build, column):
    manifest, _ = build([instruction(0), instruction(1, **{column: SENTENCE})], kind="instructions")
    assert manifest.dropped == {"overlap with a test split": 1}


def test_rows_that_share_a_long_instruction_are_not_alike(build):
    rows = [instruction(number, instruction=FILLER[9] * 5) for number in range(4)]
    assert build(rows, kind="instructions")[0].rows == 4


def test_pairs_without_a_choice_go_and_pairs_with_one_input_stay(build):
    rows = [
        instruction(0, rejected_output="It is another."),
        instruction(0, rejected_output="It is another one."),
        instruction(1, rejected_output="It is number 1."),
        instruction(2, rejected_output=SENTENCE),
    ]
    manifest, kept = build(rows, kind="preferences")
    assert [row["rejected_output"] for row in kept] == ["It is another.", "It is another one."]
    assert manifest.dropped == {"chosen equals rejected": 1, "overlap with a test split": 1}


def test_only_pairs_without_a_choice_are_an_error(build):
    rows = [instruction(number, rejected_output=f"It is number {number}.") for number in range(3)]
    with pytest.raises(DataError, match="chosen equals rejected in all 3 rows"):
        build(rows, kind="preferences")


def test_an_empty_corpus_is_an_error_that_counts(build):
    with pytest.raises(DataError, match="nothing is left of 3 rows: 2 no text in 'text', 1 overlap with a test split"):
        build([SENTENCE, {}, {}])
    with pytest.raises(DataError, match="nothing is left of 0 rows: no row was read"):
        build([])


def test_a_source_that_is_nearly_all_test_documents_is_refused(tmp_path):
    notes = [f"{SENTENCE} {number}" for number in range(10)]
    around = surroundings(tmp_path, *notes)
    write_rows(tmp_path / "in.jsonl", [*notes[:9], FILLER[0]])
    with pytest.raises(DataError, match=r"the source src is test data of toy \(sample\)"):
        build_corpus(corpus(), tmp_path / "out", around)
    write_rows(tmp_path / "in.jsonl", [*notes[:8], *FILLER[:2]])
    assert build_corpus(corpus(), tmp_path / "out", around).dropped == {"overlap with a test split": 8}


def test_nothing_is_left_of_a_build_that_failed(tmp_path):
    write_rows(tmp_path / "in.jsonl", FILLER[:5])
    sources = [
        {"name": "a", "licence": "none", "path": "in.jsonl"},
        {"name": "b", "licence": "none", "path": "absent.jsonl"},
    ]
    with pytest.raises(DataError, match="no such file"):
        build_corpus(CorpusSpec(sources=sources), tmp_path / "deep" / "out", surroundings(tmp_path))
    assert list((tmp_path / "deep").iterdir()) == []


def test_an_interrupt_leaves_nothing_either(tmp_path):
    def interrupt(*_):
        raise KeyboardInterrupt

    write_rows(tmp_path / "in.jsonl", FILLER[:5])
    with pytest.raises(KeyboardInterrupt):
        build_corpus(corpus(), tmp_path / "deep" / "out", surroundings(tmp_path, progress=interrupt))
    assert list((tmp_path / "deep").iterdir()) == []


def test_what_a_killed_build_left_is_no_hindrance(tmp_path):
    write_rows(tmp_path / "in.jsonl", FILLER[:5])
    write_rows(tmp_path / ".out.part" / "documents.jsonl", ["half of a corpus"])
    (tmp_path / "out").mkdir()
    assert build_corpus(corpus(), tmp_path / "out", surroundings(tmp_path)).rows == 5
    assert not (tmp_path / ".out.part").exists()


def test_a_corpus_that_is_there_is_not_overwritten(tmp_path):
    write_rows(tmp_path / "in.jsonl", FILLER[:5])
    write_rows(tmp_path / "out" / "mine.jsonl", [])
    with pytest.raises(ClueplusError, match="is there already"):
        build_corpus(corpus(), tmp_path / "out", surroundings(tmp_path))


def test_a_folder_that_can_not_be_made_is_one_line(tmp_path):
    write_rows(tmp_path / "in.jsonl", FILLER[:5])
    (tmp_path / "file").write_text("")
    with pytest.raises(ClueplusError, match="can't write"):
        build_corpus(corpus(), tmp_path / "file" / "out", surroundings(tmp_path))


def test_the_same_sources_make_the_same_bytes(tmp_path):
    write_rows(tmp_path / "in.jsonl", FILLER)
    for name in ("one", "two"):
        build_corpus(corpus(), tmp_path / name, surroundings(tmp_path))
    for file in ("documents.jsonl", "manifest.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_what_is_not_checked_is_told(tmp_path):
    notes = []
    more = "    official: {tier: restricted, licence: none, description: x, imported: {access: credentialed, url: 'https://example.org'}}\n"
    around = surroundings(tmp_path, note=notes.append)
    write_task(tmp_path / "tasks", [SENTENCE], more=more)
    write_rows(tmp_path / "in.jsonl", FILLER[:2])
    manifest = build_corpus(corpus(), tmp_path / "out", around)
    build_corpus(corpus(), tmp_path / "another", around)
    told = "no row is compared with 1 test splits that can't be read here: toy (official)"
    assert notes == [told], "once is enough for several corpora"
    (split,) = manifest.unchecked
    assert split.unchecked == "not on this machine (clueplus data import toy PATH)"


def test_tokens_are_counted_by_the_given_tokenizer(tmp_path):
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.enable_truncation(4)  # as some are saved
    (tmp_path / "tokenizer").mkdir()
    tokenizer.save(str(tmp_path / "tokenizer" / "tokenizer.json"))
    write_rows(tmp_path / "in.jsonl", [{"text": FILLER[0], "made": ["four words of it"]}, FILLER[1]])
    around = surroundings(tmp_path, tokenizer=tmp_path / "tokenizer")
    manifest = build_corpus(corpus(task_data="made"), tmp_path / "out", around)
    assert manifest.tokens == manifest.sources[0].tokens == sum(len(text.split()) for text in FILLER[:2]) + 4
    assert manifest.tokens_unknown is None


@pytest.mark.parametrize("content", [None, "{}", "no json"])
def test_a_folder_without_a_tokenizer_is_an_error(tmp_path, content):
    write_rows(tmp_path / "in.jsonl", FILLER[:2])
    if content:
        (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(ClueplusError, match="no tokenizer can be read there"):
        build_corpus(corpus(), tmp_path / "out", surroundings(tmp_path, tokenizer=tmp_path))


def test_progress_is_told_by_source(tmp_path):
    heard = []
    write_rows(tmp_path / "in.jsonl", [f"a document of its own {number}" for number in range(2500)])
    around = surroundings(tmp_path, progress=lambda *state: heard.append(state))
    build_corpus(corpus(near_duplicates=None), tmp_path / "out", around)
    assert heard == [("src", 1000), ("src", 2000), ("src", 2500)]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"sources": [{"name": "a", "licence": "x"}]}, "give one of 'path', 'dataset' and 'derived'"),
        ({"sources": [{"name": "a", "licence": "x", "path": "a", "dataset": "b"}]}, "give one of"),
        ({"sources": [{"name": "a", "licence": "x", "path": "a", "encoding": "utf-7.5"}]}, "no encoding is called"),
        ({"sources": [{"name": "a", "licence": "x", "path": p} for p in "ab"]}, "two sources have one name"),
        (
            {"kind": "instructions", "sources": [{"name": "a", "licence": "x", "derived": "icd10cm"}]},
            "what is derived are documents",
        ),
        (
            {"kind": "preferences", "sources": [{"name": "a", "licence": "x", "path": "a", "task_data": "b"}]},
            "task data belongs to documents",
        ),
        (
            {
                "sources": [{"name": "a", "licence": "x", "path": "a"}],
                "task_data": {"base_url": "http://me:secret@host", "model": "m"},
            },
            "a URL with a password",
        ),
    ],
)
def test_a_spec_that_makes_no_sense_is_refused(spec, words):
    with pytest.raises(ValidationError, match=words):
        CorpusSpec.model_validate(spec)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.text(), st.none(), st.integers(), st.lists(st.text())), min_size=1, max_size=8))
def test_whatever_the_rows_are_every_one_is_accounted_for(tmp_path_factory, values):
    folder = tmp_path_factory.mktemp("any")
    (folder / "in.jsonl").write_text("".join(json.dumps({"text": value}) + "\n" for value in [FILLER[0], *values]))
    manifest = build_corpus(corpus(), folder / "out", surroundings(folder))
    assert manifest.sources[0].read == len(values) + 1 == manifest.rows + sum(manifest.dropped.values())
