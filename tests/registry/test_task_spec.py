"""What a task folder declares: the shipped ones, and what is refused."""

import copy
import dataclasses

import pytest
from pydantic import ValidationError

from clueplus.registry import Catalog, SourceFile, TaskMetadata, TaskSpec, Variant

SHIPPED = ["aci_bench", "icd10cm", "medec", "meqsum"]
SHOTS = {"meqsum": 3, "medec": 2, "aci_bench": 1, "icd10cm": 3}


@pytest.fixture(params=SHIPPED)
def spec(request):
    return Catalog().task(request.param)


@pytest.fixture
def declared():
    """What MeQSum declares, to be changed by a test."""
    return copy.deepcopy(Catalog().task("meqsum").model_dump())


def refused(declared):
    with pytest.raises(ValidationError) as caught:
        TaskSpec.model_validate(declared)
    return str(caught.value)


def test_the_top_level_keys_are_those_of_lm_eval():
    from lm_eval.config.task import TaskConfig

    known = {field.name for field in dataclasses.fields(TaskConfig)}
    assert set(TaskSpec.model_fields) <= known | {"path", "tag"}


def test_a_shipped_task_declares_every_metric_that_is_reported(spec):
    metrics = [entry["metric"] for entry in spec.metric_list]
    expected = ["score", *spec.metadata.components, *spec.metadata.beside, "unscorable"]
    assert sorted(metrics) == sorted(expected)


def test_only_unscorable_is_better_when_lower(spec):
    lower = [entry["metric"] for entry in spec.metric_list if not entry["higher_is_better"]]
    assert lower == ["unscorable"]


def test_a_shipped_task_has_an_open_official_variant_and_a_sample(spec):
    assert {name: variant.tier for name, variant in spec.metadata.variants.items()} == {
        "official": "open",
        "sample": "sample",
    }


def test_every_variant_and_source_has_a_licence(spec):
    for variant in spec.metadata.variants.values():
        assert variant.licence.strip()
        assert all(source.licence.strip() for source in variant.sources)


def test_every_source_is_pinned_by_hash_and_by_a_commit_in_its_url(spec):
    sources = spec.metadata.variants["official"].sources
    assert sources
    for source in sources:
        assert source.commit in source.url
        assert len(source.sha256) == 64
        assert source.tier == "open"


def test_no_two_sources_share_a_file(spec):
    files = [source.file for source in spec.metadata.variants["official"].sources]
    assert len(set(files)) == len(files)


@pytest.mark.parametrize("name", ["sample.jsonl", "README.md", "stats.json"])
def test_a_task_folder_is_complete(spec, name):
    assert (spec.folder / name).is_file()


@pytest.mark.parametrize(("name", "shots"), SHOTS.items())
def test_the_number_of_shots_is_that_of_the_benchmark(name, shots):
    assert Catalog().task(name).num_fewshot == shots


def test_decoding_is_greedy(spec):
    assert spec.generation_kwargs["temperature"] == 0.0
    assert spec.generation_kwargs["do_sample"] is False
    assert spec.generation_kwargs["max_gen_toks"] > 0


def test_what_a_shipped_task_declares_is_accepted_again(declared):
    assert TaskSpec.model_validate(declared).name == "meqsum"


@pytest.mark.parametrize("metric", ["score", "rouge_2", "unscorable"])
def test_a_metric_that_is_not_listed_is_refused(declared, metric):
    declared["metric_list"] = [entry for entry in declared["metric_list"] if entry["metric"] != metric]
    assert f"metric_list lacks '{metric}'" in refused(declared)


@pytest.mark.parametrize("config", [{"sampler": "default"}, {}])
def test_another_sampler_than_first_n_is_refused(declared, config):
    declared["fewshot_config"] = config
    assert "sampler must be first_n" in refused(declared)


@pytest.mark.parametrize("key", ["max_gen_toks", "until", "temperature"])
def test_open_decoding_is_refused(declared, key):
    del declared["generation_kwargs"][key]
    assert f"generation_kwargs lacks '{key}'" in refused(declared)


@pytest.mark.parametrize("role", ["cluster", "input", "reference"])
def test_a_role_for_a_field_that_is_not_declared_is_refused(declared, role):
    declared["metadata"][role] = "absent"
    assert f"{role} names 'absent', which is not in fields" in refused(declared)


def test_a_breakdown_by_a_field_that_is_not_declared_is_refused(declared):
    declared["metadata"]["breakdowns"] = ["absent"]
    assert "'absent' is not in fields" in refused(declared)


def test_a_lead_of_a_field_that_is_not_declared_is_refused(declared):
    declared["metadata"]["lead"] = {"field": "absent", "words": 3}
    assert "'absent' is not in fields" in refused(declared)


@pytest.mark.parametrize("kind", [None, "int", "list[str]"])
def test_documents_need_an_id_that_is_text(declared, kind):
    fields = declared["metadata"]["fields"]
    fields.pop("id")
    if kind:
        fields["id"] = kind
    declared["metadata"]["cluster"] = "question"
    assert "fields lacks 'id: str'" in refused(declared)


@pytest.mark.parametrize(
    "lead",
    [{}, {"field": "question"}, {"words": 3}, {"field": "question", "words": 3, "constant": "A"}],
    ids=["nothing", "field", "words", "both"],
)
def test_a_lead_that_is_not_one_way_is_refused(declared, lead):
    declared["metadata"]["lead"] = lead
    assert "give either 'field' and 'words', or 'constant'" in refused(declared)


@pytest.mark.parametrize("lead", [{"constant": ""}, {"field": "question", "words": 1}])
def test_a_lead_of_one_way_is_accepted(declared, lead):
    declared["metadata"]["lead"] = lead
    assert TaskSpec.model_validate(declared)


@pytest.mark.parametrize("where", ["top", "metadata", "variant", "source"])
def test_an_unknown_key_is_refused_at_every_level(declared, where):
    variant = declared["metadata"]["variants"]["official"]
    places = {"top": declared, "metadata": declared["metadata"], "variant": variant, "source": variant["sources"][0]}
    places[where]["colour"] = "red"
    assert "Extra inputs are not permitted" in refused(declared)


def test_another_output_type_than_generation_is_refused(declared):
    declared["output_type"] = "multiple_choice"
    assert "generate_until" in refused(declared)


def test_an_unknown_name_of_a_variant_is_refused():
    metadata = Catalog().task("meqsum").metadata.model_dump()
    metadata["variants"]["private"] = metadata["variants"]["sample"]
    with pytest.raises(ValidationError, match="private"):
        TaskMetadata.model_validate(metadata)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sha256", "abc"),
        ("sha256", "G" * 64),
        ("sha256", "a" * 65),
        ("commit", "main"),
        ("commit", "a" * 39),
        ("url", "http://example.org/file.csv"),
        ("file", "no_folder.csv"),
        ("file", "/etc/passwd"),
        ("file", "../outside/file.csv"),
        ("file", "folder/../../outside.csv"),
        ("tier", "secret"),
    ],
)
def test_a_source_that_is_not_pinned_well_is_refused(field, value):
    source = Catalog().task("medec").metadata.variants["official"].sources[0].model_dump()
    with pytest.raises(ValidationError, match=field):
        SourceFile.model_validate(source | {field: value})


def test_an_open_variant_may_be_imported_and_a_restricted_one_must_be():
    common = {"licence": "none stated", "description": "Words."}
    held = {"access": "by URL", "url": "https://example.org/file.json"}
    assert Variant(tier="open", imported=held, **common).access == "by URL"
    with pytest.raises(ValidationError, match="imported by the user"):
        Variant(tier="restricted", **common)


@pytest.mark.parametrize(
    "held", [True, {"access": "by URL"}, {"access": "download", "url": "https://a.b"}, {"access": "by URL", "url": "a"}]
)
def test_an_import_says_who_has_the_files_and_where_to_start(held):
    with pytest.raises(ValidationError, match="imported"):
        Variant(tier="open", licence="none", description="Words.", imported=held)


def test_how_one_gets_the_documents_is_known_of_every_variant():
    tasks = Catalog().tasks.items()
    found = {(name, v): variant.access for name, spec in tasks for v, variant in spec.metadata.variants.items()}
    assert {access for (_, variant), access in found.items() if variant == "sample"} == {"shipped"}
    assert found["medec", "official"] == found["sdoh", "open"] == "download"
    assert found["longhealth", "official"] == "by URL"
    assert found["medication_qa", "official"] == "rebuilt"
    assert found["medisumqa", "official"] == "credentialed"
