"""ROUGE of pairs of made-up texts, against Google's rouge-score.

For every pair: lower-case both and cut them into tokens (with the stemmer, stem each token), then precision, recall and
F1 of ROUGE-1, ROUGE-2 and ROUGE-L. With n tokens a side, rouge-score fills a table of n * n cells in Python for the
last of these; the bit-parallel algorithm does n * n / 64 machine words of work in C++, which leaves cutting the text
into tokens and hashing each of them once as the floor for any implementation that starts from Python strings.
"""

import random
from collections.abc import Sequence
from itertools import accumulate

from rouge_score.rouge_scorer import RougeScorer

from clueplus.metrics.rouge import RougeScores, rouge_corpus
from parity.compare import Comparison, compare

MEASURES = ["rouge1", "rouge2", "rougeL"]
VOCABULARY_SIZE = 20_000
ENDINGS = ["", "s", "ed", "ing", "ly", "ation", "ational", "ness", "ies", "ful"]

Pair = tuple[str, str]


def make_pairs(count: int, words: int, seed: int) -> list[Pair]:
    """Zipf-distributed words with English endings; the prediction keeps half of the reference's, in their order."""
    generator = random.Random(seed)
    vocabulary = _vocabulary(generator)
    zipf = list(accumulate(1 / rank for rank in range(1, VOCABULARY_SIZE + 1)))
    pairs = []
    for _ in range(count):
        reference = generator.choices(vocabulary, cum_weights=zipf, k=words)
        prediction = generator.choices(vocabulary, cum_weights=zipf, k=words)
        for position in generator.sample(range(words), words // 2):
            prediction[position] = reference[position]
        pairs.append((" ".join(prediction), " ".join(reference)))
    return pairs


def _vocabulary(generator: random.Random) -> list[str]:
    words: dict[str, None] = {}
    while len(words) < VOCABULARY_SIZE:
        syllables = [
            generator.choice("bdfglmnprst") + generator.choice("aeiou") for _ in range(generator.randint(1, 3))
        ]
        words["".join(syllables) + generator.choice(ENDINGS)] = None
    return list(words)


def compare_rouge(count: int, words: int, seed: int) -> list[Comparison]:
    pairs = make_pairs(count, words, seed)
    return [_compare(pairs, words, stemmer) for stemmer in (False, True)]


def _compare(pairs: list[Pair], words: int, stemmer: bool) -> Comparison:
    scorer = RougeScorer(MEASURES, use_stemmer=stemmer)

    def ours(pairs: Sequence[Pair]) -> list[RougeScores]:
        return rouge_corpus(*zip(*pairs, strict=True), stemmer=stemmer)

    def theirs(pairs: Sequence[Pair]) -> list[list[tuple[float, float, float]]]:
        rows = (scorer.score(reference, prediction) for prediction, reference in pairs)
        return [[tuple(row[measure]) for measure in MEASURES] for row in rows]

    name = f"ROUGE-1, -2, -L{', stemmed' if stemmer else ''}: precision, recall, F1"
    return compare(name, "rouge-score", f"pairs of {words:,} words", pairs, ours, theirs)
