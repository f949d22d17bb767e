"""From documents to the token sequences that an expert is trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

from clueplus.errors import DataError
from clueplus.training.spec import Training
from clueplus.training.trainer.base import Base
from clueplus.training.trainer.prepared import HELD_OUT, TRAIN, Size, draw_held_out, write_packed, write_sequences
from clueplus.training.trainer.rows import DOCUMENTS, Document, read_documents

Ids = list[int]
_TEXTS_AT_ONCE = 256


def fill_dapt(base: Base, corpus: Path, training: Training, folder: Path, losses: dict[str, int]) -> Size:
    """Writes packed sequences of whole documents, each ended with EOS; longer ones are split.

    Raises:
        DataError: the corpus has no text.
    """
    held_out = _split(corpus, training, Document.has_text, losses)

    def pieces(side: bool, into: dict[str, int]) -> Iterator[Ids]:
        texts = (document.text for document in _side(corpus, Document.has_text, held_out, side))
        for ids in _tokenize(base, texts):
            if len(ids) > training.max_length:
                _count(into, "documents_split")
            for start in range(0, len(ids), training.max_length):
                yield ids[start : start + training.max_length]

    if held_out:
        write_packed(folder / HELD_OUT, pieces(True, {}), training.max_length, training.seed)
    return write_packed(folder / TRAIN, pieces(False, losses), training.max_length, training.seed)


def fill_outputs(
    base: Base, corpus: Path, training: Training, last: Training, folder: Path, losses: dict[str, int]
) -> Size:
    """Phase 1 of PIT: the task outputs of a document, joined and ended with EOS, one document a sequence.

    What is held out is in the form of phase 2, whose hyperparameters are `last`: one loss, before and after both.
    """
    held_out = _split(corpus, last, Document.has_both, losses)
    _write_held_out(base, corpus, held_out, last, folder)

    def sequences() -> Iterator[Ids]:
        for document in _side(corpus, Document.has_both, held_out, False):
            yield _cut(_outputs(base, document), training.max_length, losses)

    return _write(folder / TRAIN, sequences())


def fill_outputs_and_documents(
    base: Base, corpus: Path, training: Training, folder: Path, losses: dict[str, int]
) -> Size:
    """Phase 2 of PIT: task outputs, EOS, the original document, EOS; one document a sequence.

    A document whose task outputs fill the whole sequence is left out: nothing of it would be seen.

    Raises:
        DataError: that is so of every document.
    """
    held_out = _split(corpus, training, Document.has_both, losses)
    _write_held_out(base, corpus, held_out, training, folder)
    found = _write(folder / TRAIN, _both(base, corpus, held_out, False, training.max_length, losses))
    if not found.rows:
        raise DataError(
            f"a context of {training.max_length} tokens is shorter than the task data of every document of {corpus}",
            fix="a larger max_length, or less task data",
        )
    return found


def _split(
    corpus: Path, training: Training, wanted: Callable[[Document], bool], losses: dict[str, int]
) -> frozenset[int]:
    """Which of the wanted documents, by their number among those, are held out."""
    count = 0
    for document in read_documents(corpus):
        if wanted(document):
            count += 1
        else:
            _count(losses, "documents_without_text" if not document.has_text() else "documents_without_task_data")
    if not count:
        what = "task data" if losses.get("documents_without_task_data") else "text"
        raise DataError(f"no document of {corpus / DOCUMENTS} has {what}", fix=_FIXES[what])
    return draw_held_out(count, training.held_out, training.seed)


_FIXES = {
    "task data": "build the corpus with task_data (the column that holds it, or a model that writes it)",
    "text": "build a corpus of documents; see what its manifest says was dropped",
}


def _side(corpus: Path, wanted: Callable[[Document], bool], held_out: frozenset[int], side: bool) -> Iterator[Document]:
    documents = (document for document in read_documents(corpus) if wanted(document))
    return (document for number, document in enumerate(documents) if (number in held_out) == side)


def _tokenize(base: Base, texts: Iterator[str]) -> Iterator[Ids]:
    """Token ids of whole documents, with whatever the tokenizer itself opens a text with, and EOS."""
    while some := list(islice(texts, _TEXTS_AT_ONCE)):
        yield from (_ended(base, ids) for ids in base.tokenizer(some)["input_ids"])


def _outputs(base: Base, document: Document) -> Ids:
    first, *rest = document.task_data
    joined = _ended(base, base.tokenizer(first)["input_ids"])
    for output in rest:
        joined += [*_plain(base, output), base.eos]
    return joined


def _ended(base: Base, ids: Ids) -> Ids:
    """Some tokenizers put an EOS themselves."""
    return [*ids] if ids and ids[-1] == base.eos else [*ids, base.eos]


def _plain(base: Base, text: str) -> Ids:
    return list(base.tokenizer(text, add_special_tokens=False)["input_ids"])


def _both(
    base: Base, corpus: Path, held_out: frozenset[int], side: bool, max_length: int, losses: dict[str, int]
) -> Iterator[Ids]:
    for document in _side(corpus, Document.has_both, held_out, side):
        outputs = _outputs(base, document)
        if len(outputs) >= max_length:
            _count(losses, "documents_too_long")
            continue
        yield _cut([*outputs, *_plain(base, document.text), base.eos], max_length, losses)


def _write_held_out(base: Base, corpus: Path, held_out: frozenset[int], training: Training, folder: Path) -> None:
    if held_out:
        # Its own losses are not the training's.
        size = _write(folder / HELD_OUT, _both(base, corpus, held_out, True, training.max_length, {}))
        if not size.rows:
            raise DataError(
                f"a context of {training.max_length} tokens is shorter than the task data of every held-out document",
                fix="a larger max_length, or held_out: 0",
            )


def _write(path: Path, sequences: Iterable[Ids]) -> Size:
    return write_sequences(path, ({"input_ids": ids} for ids in sequences), ("input_ids",))


def _cut(ids: Ids, max_length: int, losses: dict[str, int]) -> Ids:
    if len(ids) > max_length:
        _count(losses, "documents_cut")
        _count(losses, "tokens_cut", len(ids) - max_length)
    return ids[:max_length]


def _count(losses: dict[str, int], what: str, number: int = 1) -> None:
    losses[what] = losses.get(what, 0) + number
