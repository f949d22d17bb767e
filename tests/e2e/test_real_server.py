"""The whole way on real parts: a real vLLM server on the CPU, real clinical data, and stock lm-eval beside it."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clueplus.models.server import Server
from clueplus.records.run import RunRecord, read_run
from clueplus.registry import Catalog
from tests.support.tiny_encoder import build_tiny_bert
from tests.support.vllm_server import EXACT, cpu_environment, vllm_command

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]

LIMIT = 4
OFFICIAL = ("--variant", "official", "--limit", LIMIT)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_bert(tmp_path_factory.mktemp("encoder") / "tiny-bert")


@pytest.fixture
def metrics(encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What BERTScore and UMLS F1 need, so that no column is without a score."""
    table = tmp_path / "terms.tsv"
    terms = ["blood pressure", "heart", "pain", "kidney", "fever", "patient", "left", "daily", "mg", "the"]
    table.write_text("cui\tterm\n" + "".join(f"C{number:07}\t{term}\n" for number, term in enumerate(terms)))
    monkeypatch.setenv("CLUEPLUS_BERTSCORE_MODEL", str(encoder))
    monkeypatch.setenv("CLUEPLUS_CONCEPTS", str(table))


def run(arguments: list[str], folder: Path, mirror: Path) -> subprocess.CompletedProcess[str]:
    folder.mkdir(exist_ok=True)
    environment = {**os.environ, "CLUEPLUS_DATA_MIRROR": str(mirror), "HF_HUB_OFFLINE": "1"}
    environment["CLUEPLUS_DATA_DIR"] = str(folder / "data")
    environment["HF_HOME"] = str(folder / "hub")
    environment["OPENAI_API_KEY"] = "none"
    result = subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True, timeout=900)
    assert result.returncode == 0, result.stderr[-4000:]
    return result


def clueplus(*arguments: object) -> list[str]:
    return [str(Path(sys.executable).with_name("clueplus")), *map(str, arguments)]


def evaluate(server: Server, folder: Path, mirror: Path, *more: object) -> Path:
    result = run(
        clueplus("evaluate", "--model", server.served.name, "--base-url", server.base_url, "--concurrency", 16,
                 "--json", *more), folder, mirror,
    )  # fmt: skip
    return folder / "results" / server.served.name / json.loads(result.stdout)["run"]


@pytest.mark.parametrize(
    ("variant", "names", "limit"),
    [
        ("official", "clueplus_open,ner_ncbi_disease", LIMIT),
        ("open", "mednli,sdoh", LIMIT),
        ("sample", "clueplus,ner_ncbi_disease", 8),
    ],
)
def test_stock_lm_eval_gives_the_same_scores(
    server: Server, metrics: None, data_mirror: Path, tmp_path: Path, variant: str, names: str, limit: int
) -> None:
    """Every number of every task: the column, its components, what is beside them, and the average of a group."""
    which = ("--tasks", names, "--limit", str(limit))
    _, record, items = read_run(evaluate(server, tmp_path, data_mirror, "--variant", variant, *which))
    specs = Catalog().select(names.split(","))
    assert [task.name for task in record.tasks] == [spec.name for spec in specs]
    assert record.status == "complete"
    assert len(items) == sum(task.documents for task in record.tasks)
    assert all(item.completion_tokens for item in items)
    identity = record.model.identity[record.tasks[0].name]
    assert identity["served"][0]["weights"], "the weights lie on this machine, so they are known by content"

    stock = lm_eval(server, tmp_path, data_mirror, *which, "--metadata", json.dumps({"variant": variant}))
    ours = {
        (task.name, name): measure.value
        for task in record.tasks
        for name, measure in {"score": task.score, **task.components, **task.beside}.items()
    }
    theirs = {(task, name): number(stock[task].get(f"{name},none")) for task, name in ours}
    assert {key: value for key, value in ours.items() if not same(key, value, theirs[key])} == {}
    assert all(task.score.value is not None for task in record.tasks)
    for group in {*names.split(",")} & {*Catalog().groups}:
        members = [task.score.value or 0.0 for task in record.tasks if task.name in Catalog().groups[group].task]
        assert same((group, "score"), sum(members) / len(members), stock[group]["score,none"])


def lm_eval(server: Server, folder: Path, mirror: Path, *more: str) -> dict[str, dict[str, Any]]:
    """What stock lm-eval says of every task and group, asked of the same server."""
    tasks_folder = Path(__file__).resolve().parents[2] / "tasks"
    url = f"{server.base_url}/chat/completions"
    model = f"model={server.served.name},base_url={url},num_concurrent=16,tokenized_requests=False"
    command = [
        *(str(Path(sys.executable).with_name("lm_eval")), "run", "--model", "local-chat-completions"),
        *("--model_args", model, "--apply_chat_template", "--fewshot_as_multiturn", "true"),
        *("--include_path", str(tasks_folder), "--output_path", "lm-eval", *more),
    ]
    run(command, folder, mirror)
    (path,) = (folder / "lm-eval").rglob("results_*.json")
    results: dict[str, dict[str, Any]] = json.loads(path.read_text())["results"]
    return results


def number(value: float | None) -> float | None:
    """lm-eval's word for a measure that no item has is NaN, or no entry."""
    return None if value is None or math.isnan(value) else value


def same(key: tuple[str, str], ours: float | None, theirs: float | None) -> bool:
    """BERTScore's sums depend on which texts share a padded batch, in the last bits of float32; nothing else may."""
    name, measure = key
    members = Catalog().groups[name].task if name in Catalog().groups else [name]
    has_bertscore = any("bertscore_f1" in Catalog().task(member).metadata.components for member in members)
    tolerance = 1e-6 if measure == "bertscore_f1" or (measure == "score" and has_bertscore) else 1e-9
    return ours == theirs or (ours is not None and theirs is not None and abs(ours - theirs) <= tolerance)


def test_a_second_run_asks_the_server_nothing(server: Server, data_mirror: Path, tmp_path: Path) -> None:
    more = (*OFFICIAL, "--tasks", "medec,icd10cm")
    first, second = (read_run(evaluate(server, tmp_path, data_mirror, *more)) for _ in range(2))
    assert second[1].generation.generated == 0
    assert first[1].tasks == second[1].tasks
    assert first[2] == second[2]


def test_completions_are_evaluated_too(server: Server, data_mirror: Path, tmp_path: Path) -> None:
    _, record, _ = read_run(
        evaluate(server, tmp_path, data_mirror, *OFFICIAL, "--api", "completions", "--tasks", "icd10cm")
    )
    assert record.model.api == "completions"
    assert record.tasks[0].outcomes["infrastructure_error"] == 0


def test_a_prompt_too_long_for_the_server_is_told(server: Server, data_mirror: Path, tmp_path: Path) -> None:
    """The real server's refusal of an over-long prompt is recognised: its wording is not ours."""
    import asyncio

    from clueplus.models import Decoding, EndpointModel, Request, RequestFailedError

    async def ask() -> None:
        model = EndpointModel(server.served.name, server.base_url)
        await model.open()
        try:
            prompt = [{"role": "user", "content": "pain in the left knee " * 20000}]
            await model.answer(Request("t", 0, {}, prompt, "h", Decoding(16, 0.0, ()), "open", "k"))
        finally:
            await model.close()

    with pytest.raises(RequestFailedError, match="prompt too long"):
        asyncio.run(ask())


def test_a_killed_server_costs_nothing(server: Server, data_mirror: Path, tmp_path: Path) -> None:
    """`evaluate` serves the checkpoint itself; its server is killed outright, and the run ends as if it was not."""
    undisturbed = read_run(evaluate(server, tmp_path / "a", data_mirror, *OFFICIAL, "--tasks", "icd10cm"))
    (tmp_path / "b").mkdir()
    command = clueplus(
        "evaluate", "--model", server.served.weights, "--variant", "official", "--tasks", "icd10cm", "--limit", LIMIT,
        "--json", "--concurrency", 1, "--attempts", 2, "--vllm-command", *vllm_command(),
        "--engine-args", " ".join(["--max-model-len", "32768", *EXACT]),
    )  # fmt: skip
    environment = {**os.environ, **cpu_environment(), "CLUEPLUS_DATA_MIRROR": str(data_mirror)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    process = subprocess.Popen(
        command, cwd=tmp_path / "b", env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    store = tmp_path / "b" / "results" / "tiny" / "responses.jsonl"
    while process.poll() is None and not (store.exists() and store.stat().st_size):
        time.sleep(0.01)
    for child in children(process.pid):
        os.kill(child, signal.SIGKILL)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err[-3000:]
    record = RunRecord.model_validate_json(out)
    assert "starting it once more" in err
    assert record.generation.generated == LIMIT, "nothing was asked twice"
    assert record.tasks == undisturbed[1].tasks


def children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in listed]


def test_the_template_is_read_off_the_real_tokenizer(server: Server, data_mirror: Path, tmp_path: Path) -> None:
    """One BOS, the end token by its id, a digest in the identity; and vLLM ends an answer at the id that it is sent."""
    import asyncio

    from transformers import AutoTokenizer

    from clueplus.models import Answer, Decoding, EndpointModel, Request
    from tests.support.tiny_model import END

    tokenizer = AutoTokenizer.from_pretrained(server.served.weights)
    messages = [{"role": "user", "content": "Which drug is the first choice?"}]
    request = Request("t", 0, {}, messages, "h", Decoding(48, 0.0, ()), "open", "k")

    async def ask() -> tuple[EndpointModel, int | None, Answer, Answer]:
        model = EndpointModel(server.served.name, server.base_url)
        await model.open()
        try:
            (endpoint,) = model.endpoints
            assert endpoint.template is not None
            whole = await model.answer(request)
            found, cut = endpoint.template, whole
            # The text's tokens need not be those that were generated, but some of them are.
            for token in tokenizer(whole.text, add_special_tokens=False)["input_ids"][1:20]:
                if cut.text == whole.text:
                    endpoint.template = replace(found, end_token_id=token)
                    cut = await model.answer(request)
            endpoint.template = found
            return model, await model.count(request), whole, cut
        finally:
            await model.close()

    model, count, whole, cut = asyncio.run(ask())
    template = model.endpoints[0].template
    assert template is not None
    assert template.end_token_id == tokenizer.convert_tokens_to_ids(END)
    ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True)["input_ids"]
    assert ids.count(tokenizer.bos_token_id) == 1
    assert (template.add_special_tokens, count) == (False, len(ids))
    assert whole.text.startswith(cut.text)
    assert (len(cut.text) < len(whole.text), cut.finish_reason) == (True, "stop")

    _, record, _ = read_run(evaluate(server, tmp_path, data_mirror, *OFFICIAL, "--tasks", "icd10cm"))
    assert record.model.identity["icd10cm"]["template"] == template.digest
    assert str(record.model.engine).startswith("vllm 0.")


def test_transformers_in_this_process_gives_the_same_answers(server: Server, data_mirror: Path, tmp_path: Path) -> None:
    """The same prompts, tokens, ends and scores, from another engine; float32 on both sides."""
    served = read_run(evaluate(server, tmp_path / "a", data_mirror, *OFFICIAL, "--tasks", "medec,icd10cm"))
    result = run(
        clueplus("evaluate", "--model", server.served.weights, "--backend", "hf", "--variant", "official",
                 "--tasks", "medec,icd10cm", "--limit", LIMIT, "--json"), tmp_path / "b", data_mirror,
    )  # fmt: skip
    record = RunRecord.model_validate_json(result.stdout)
    _, _, items = read_run(next((tmp_path / "b" / "results").glob(f"*/{record.run}")))
    assert record.model.kind == "transformers"
    assert record.model.identity["medec"]["template"] == served[1].model.identity["medec"]["template"]
    for ours, theirs in zip(items, served[2], strict=True):
        assert ours.prompt_hash == theirs.prompt_hash
        assert (ours.prompt_tokens, ours.completion_tokens) == (theirs.prompt_tokens, theirs.completion_tokens)
        assert (ours.answer_hash, ours.outcome) == (theirs.answer_hash, theirs.outcome)
    assert [task.score for task in record.tasks] == [task.score for task in served[1].tasks]
