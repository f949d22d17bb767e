"""Token ids on disk: what a phase trains on and what is held out, made once and mapped into memory afterwards."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from clueplus.errors import DataError
from clueplus.files import make_private, write_atomic

TRAIN, HELD_OUT = "train.arrow", "held_out.arrow"
_WHOLE = "prepared.json"
_ROWS_AT_ONCE = 1000

Tokens = Mapping[str, Sequence[int]]


class Size(NamedTuple):
    """Rows, their tokens, and the squares of the lengths of what may attend to itself, summed: attention's cost."""

    rows: int
    tokens: int
    squares: int


class Prepared(NamedTuple):
    """A phase's sequences: `train`, and `held_out` where there is a split; `losses` counts what was cut or left out."""

    folder: Path
    train: Size
    losses: dict[str, int]

    def datasets(self) -> tuple[Any, Any]:
        """What is trained on and what is held out (None where nothing is), mapped into memory."""
        from datasets import Dataset

        held_out = self.folder / HELD_OUT
        found = Dataset.from_file(str(held_out)) if held_out.is_file() else None
        return Dataset.from_file(str(self.folder / TRAIN)), found


def prepare(folder: Path, fill: Callable[[Path, dict[str, int]], Size]) -> None:
    """Lets `fill` write a phase's sequences to `folder`, unless a run before this one has.

    Args:
        folder: for token ids, which are text to whoever has the tokenizer: its owner alone may read it.
        fill: writes TRAIN and, where there is a split, HELD_OUT; counts what it leaves out; returns the size of TRAIN.
    """
    if is_prepared(folder):
        return
    shutil.rmtree(folder, ignore_errors=True)
    make_private(folder)
    losses: dict[str, int] = {}
    size = fill(folder, losses)
    # Last: it says that the rest is whole.
    write_atomic(folder / _WHOLE, json.dumps({"train": size, "losses": losses}), private=True)


def is_prepared(folder: Path) -> bool:
    """Whether a phase's sequences are whole."""
    return (folder / _WHOLE).is_file()


def read_prepared(folder: Path) -> Prepared:
    """What `prepare` left in a folder."""
    told = json.loads((folder / _WHOLE).read_text(encoding="utf-8"))
    return Prepared(folder, Size(*told["train"]), told["losses"])


def write_sequences(path: Path, sequences: Iterable[Tokens], columns: Sequence[str]) -> Size:
    """Writes sequences as an Arrow stream that `datasets` maps into memory.

    Args:
        path: ends in .arrow.
        sequences: each a mapping of a column to its token ids; `seq_lengths` is the lengths of what was packed.
        columns: of every sequence.
    """
    import pyarrow as pa

    schema = pa.schema([(column, pa.list_(pa.int32())) for column in columns])
    left, count, tokens, squares = iter(sequences), 0, 0, 0
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, schema) as stream:
        while rows := list(islice(left, _ROWS_AT_ONCE)):
            stream.write_batch(pa.record_batch([[row[one] for row in rows] for one in columns], schema=schema))
            count += len(rows)
            for lengths in map(_lengths, rows):
                tokens += sum(lengths)
                squares += sum(length * length for length in lengths)
    return Size(count, tokens, squares)


def _lengths(row: Tokens) -> Sequence[int]:
    if "seq_lengths" in row:
        return row["seq_lengths"]
    if "prompt_ids" in row:
        return [len(row["prompt_ids"]) + len(row[answer]) for answer in ("chosen_ids", "rejected_ids")]
    return [len(row["input_ids"])]


def write_packed(path: Path, sequences: Iterable[Sequence[int]], max_length: int, seed: int) -> Size:
    """Packs sequences by best-fit decreasing into rows of at most `max_length` tokens, and writes those.

    A row's `seq_lengths` are the lengths of the sequences in it, from which positions, and so what may attend to what,
    are made. The order is shuffled first: packing looks at a thousand at a time, and those should not all be of one
    source.
    """
    from datasets import Dataset
    from trl import pack_dataset

    loose = path.with_suffix("") / "loose.arrow"  # a folder of its own: `datasets` leaves its caches beside a file
    loose.parent.mkdir()
    write_sequences(loose, ({"input_ids": ids} for ids in sequences), ("input_ids",))
    packed = pack_dataset(Dataset.from_file(str(loose)).shuffle(seed=seed), max_length, "bfd")
    size = write_sequences(path, packed, ("input_ids", "seq_lengths"))
    shutil.rmtree(loose.parent)
    return size


def draw_held_out(count: int, fraction: float, seed: int) -> frozenset[int]:
    """Which of `count` documents are held out: a seeded draw of at least one; none where `fraction` is 0.

    Raises:
        DataError: nothing would be left to train on.
    """
    if not fraction:
        return frozenset()
    size = max(1, round(count * fraction))
    if size >= count:
        raise DataError(f"of {count} documents none is left to train on", fix="held_out: 0, or a larger corpus")
    return frozenset(random.Random(seed).sample(range(count), size))  # noqa: S311 no secret
