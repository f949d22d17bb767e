"""From instruction and preference rows to the sequences that a model is aligned on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from clueplus.errors import DataError
from clueplus.files import sha256
from clueplus.training.alignment.conversations import Chat, Encoded
from clueplus.training.spec import Training
from clueplus.training.trainer.base import Base
from clueplus.training.trainer.prepared import HELD_OUT, TRAIN, Size, Tokens, draw_held_out, write_sequences
from clueplus.training.trainer.rows import ROWS, Row, read_rows

UNTRAINED = -100
Encode = Callable[[Chat, list[Row], int, dict[str, int]], Iterator[Tokens]]
_ROWS_AT_ONCE = 256


def fill_sft(base: Base, rows: Path, training: Training, folder: Path, losses: dict[str, int]) -> Size:
    """Writes one sequence a row, with labels on the answer and its end token only.

    Raises:
        DataError: there are no instruction rows, none fits the context, or the chat template can't be used.
    """
    if any(row.rejected is not None for row in read_rows(rows)):
        raise DataError(
            f"{rows / ROWS} has preference rows (rejected_output), and the method is sft",
            fix="method: dpo, or a corpus of kind instructions",
        )
    return _fill(base, rows, training, folder, losses, _instructions, ("input_ids", "labels"))


def fill_dpo(base: Base, rows: Path, training: Training, folder: Path, losses: dict[str, int]) -> Size:
    """Writes one prompt with a chosen and a rejected answer a row.

    Raises:
        DataError: there are no preference rows, none fits the context, or the chat template can't be used.
    """
    return _fill(base, rows, training, folder, losses, _preferences, ("prompt_ids", "chosen_ids", "rejected_ids"))


def _instructions(chat: Chat, rows: list[Row], max_length: int, losses: dict[str, int]) -> Iterator[Tokens]:
    answered = [row for row in rows if _has_answer(row.output, losses)]
    for found in chat.encode([(row, row.output) for row in answered]):
        if _changed([found], losses) or found is None or _too_long([found], max_length, losses):
            continue
        labels = [UNTRAINED] * len(found.prompt) + found.answer
        assert labels[-1] == chat.end, "an answer without its end token teaches a model never to stop"
        assert any(label not in (UNTRAINED, chat.end) for label in labels), "a row without a word to learn"
        yield {"input_ids": found.prompt + found.answer, "labels": labels}


def _preferences(chat: Chat, rows: list[Row], max_length: int, losses: dict[str, int]) -> Iterator[Tokens]:
    pairs = [(row, row.rejected) for row in rows if row.rejected is not None and _is_pair(row, row.rejected, losses)]
    _count(losses, "rows_without_rejected_output", sum(row.rejected is None for row in rows))
    both = chat.encode([(row, answer) for row, rejected in pairs for answer in (row.output, rejected)])
    for chosen, rejected in zip(both[::2], both[1::2], strict=True):
        if _changed([chosen, rejected], losses) or chosen is None or rejected is None:
            continue
        if not _too_long([chosen, rejected], max_length, losses):
            yield {"prompt_ids": chosen.prompt, "chosen_ids": chosen.answer, "rejected_ids": rejected.answer}


def _is_pair(row: Row, rejected: str, losses: dict[str, int]) -> bool:
    if row.output.strip() == rejected.strip():
        _count(losses, "pairs_of_equal_answers")
        return False
    return _has_answer(row.output, losses) and _has_answer(rejected, losses)


def _has_answer(answer: str, losses: dict[str, int]) -> bool:
    if not answer.strip():
        _count(losses, "rows_without_answer")
    return bool(answer.strip())


def _changed(found: list[Encoded | None], losses: dict[str, int]) -> bool:
    if None in found:
        _count(losses, "rows_whose_prompt_the_template_changes")
    return None in found


def _too_long(encoded: Sequence[Encoded], max_length: int, losses: dict[str, int]) -> bool:
    """A cut answer would teach to stop in the middle, or never: such a row is left out."""
    longest = max(len(one.prompt) + len(one.answer) for one in encoded)
    if longest <= max_length:
        return False
    _count(losses, "rows_too_long")
    _count(losses, "tokens_of_rows_too_long", sum(len(one.prompt) + len(one.answer) for one in encoded))
    return True


def _fill(
    base: Base,
    rows: Path,
    training: Training,
    folder: Path,
    losses: dict[str, int],
    encode: Encode,
    columns: tuple[str, ...],
) -> Size:
    chat = Chat(base)
    held_out = _held_out_prompts(rows, training)

    def sequences(side: bool, into: dict[str, int]) -> Iterator[Tokens]:
        wanted = (row for row in read_rows(rows) if (_prompt(row) in held_out) == side)
        while some := list(islice(wanted, _ROWS_AT_ONCE)):
            yield from encode(chat, some, training.max_length, into)

    size = write_sequences(folder / TRAIN, sequences(False, losses), columns)
    if not size.rows:
        raise _nothing_left(base, rows, training, losses)
    if held_out and not write_sequences(folder / HELD_OUT, sequences(True, {}), columns).rows:
        raise DataError(f"no held-out row of {rows / ROWS} can be used", fix="a larger held_out or max_length")
    return size


def _held_out_prompts(rows: Path, training: Training) -> frozenset[str]:
    """Rows with the same prompt are on the same side: an answer seen in training would be no held-out one."""
    prompts = list(dict.fromkeys(map(_prompt, read_rows(rows))))
    if not prompts:
        raise DataError(f"{rows / ROWS} has no rows", fix="build the corpus again; its manifest tells what was dropped")
    return frozenset(prompts[number] for number in draw_held_out(len(prompts), training.held_out, training.seed))


def _prompt(row: Row) -> str:
    return sha256(f"{row.instruction}\0{row.input}")


def _nothing_left(base: Base, rows: Path, training: Training, losses: dict[str, int]) -> DataError:
    worst = max(losses, key=lambda reason: losses[reason] * (not reason.startswith("tokens_")))
    if worst == "rows_too_long":
        return DataError(
            f"a context of {training.max_length} tokens is shorter than every row of {rows / ROWS}",
            fix="a larger max_length",
        )
    if worst == "rows_whose_prompt_the_template_changes":
        return DataError(
            f"the chat template of {base.folder} renders a prompt in another way when an answer follows",
            fix="a template whose prompt with add_generation_prompt is the beginning of the whole conversation",
        )
    fixes = {"rows_without_rejected_output": "method: sft, or a corpus of kind preferences"}
    reason = worst.replace("_", " ")
    return DataError(
        f"no row of {rows / ROWS} can be used: {losses[worst]} {reason}", fix=fixes.get(worst, "other rows")
    )


def _count(losses: dict[str, int], what: str, number: int = 1) -> None:
    if number:
        losses[what] = losses.get(what, 0) + number
