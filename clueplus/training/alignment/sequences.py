"""From instruction and preference rows to the sequences that a model is aligned on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from clueplus.errors import DataError
from clueplus.files import sha256
from clueplus.training.alignment.conversations import Chat, Encoded
from clueplus.training.spec import Training
from clueplus.training.trainer.base import Base
from clueplus.training.trainer.prepared import HELD_OUT, TRAIN, Size, Tokens, draw_held_out, write_sequences
from clueplus.training.trainer.rows import ROWS, Row, read_rows

UNTRAINED = -100
Encode = Callable[[Chat, Row, int, dict[str, int]], Tokens | None]


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
    return _fill(base, rows, training, folder, losses, _instruction, ("input_ids", "labels"))


def fill_dpo(base: Base, rows: Path, training: Training, folder: Path, losses: dict[str, int]) -> Size:
    """Writes one prompt with a chosen and a rejected answer a row.

    Raises:
        DataError: there are no preference rows, none fits the context, or the chat template can't be used.
    """
    return _fill(base, rows, training, folder, losses, _preference, ("prompt_ids", "chosen_ids", "rejected_ids"))


def _instruction(chat: Chat, row: Row, max_length: int, losses: dict[str, int]) -> Tokens | None:
    found = _encode(chat, row, row.output, losses)
    if found is None or _too_long([found], max_length, losses):
        return None
    labels = [UNTRAINED] * len(found.prompt) + found.answer
    assert labels[-1] == chat.end, "an answer without its end token teaches a model never to stop"
    assert any(label not in (UNTRAINED, chat.end) for label in labels), "a row without a word to learn"
    return {"input_ids": found.prompt + found.answer, "labels": labels}


def _preference(chat: Chat, row: Row, max_length: int, losses: dict[str, int]) -> Tokens | None:
    if row.rejected is None:
        _count(losses, "rows_without_rejected_output")
        return None
    if row.output.strip() == row.rejected.strip():
        _count(losses, "pairs_of_equal_answers")
        return None
    chosen = _encode(chat, row, row.output, losses)
    rejected = None if chosen is None else _encode(chat, row, row.rejected, losses)
    if chosen is None or rejected is None or _too_long([chosen, rejected], max_length, losses):
        return None
    return {"prompt_ids": chosen.prompt, "chosen_ids": chosen.answer, "rejected_ids": rejected.answer}


def _encode(chat: Chat, row: Row, answer: str, losses: dict[str, int]) -> Encoded | None:
    if not answer.strip():
        _count(losses, "rows_without_answer")
        return None
    found = chat.encode(row, answer)
    if found is None:
        _count(losses, "rows_whose_prompt_the_template_changes")
    return found


def _too_long(encoded: list[Encoded], max_length: int, losses: dict[str, int]) -> bool:
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
        for row in read_rows(rows):
            if (_prompt(row) in held_out) == side:
                found = encode(chat, row, training.max_length, into)
                if found is not None:
                    yield found

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
    losses[what] = losses.get(what, 0) + number
