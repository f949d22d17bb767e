"""Time clueplus.metrics.rouge against Google's rouge-score on the same pairs, on one core of one process.

    python benchmarks/rouge.py [--pairs 500] [--words 1000] [--peer-pairs 20] [--seed 0] [--json]

What must be computed, for every pair of texts: lower-case both and cut them into tokens (with the stemmer, stem
each token), then precision, recall and F1 of ROUGE-1, ROUGE-2 and ROUGE-L: nine numbers. That takes one pass over
the tokens, the multiset intersection of the unigrams and of the bigrams, and the length of the longest common
subsequence. With n tokens a side, rouge-score fills a table of n * n cells in Python for the last of these; the
bit-parallel algorithm does n * n / 64 machine words of work in C++, which leaves cutting the text into tokens and
hashing each of them once as the floor for any implementation that starts from Python strings.

The texts: Zipf-distributed words of a made-up vocabulary with English endings. The prediction keeps half of the
reference's words in their order and replaces the others, so that the common subsequence is long but not trivial.

Seconds are processor time of the whole process, so neither a second thread nor a busy machine flatters a side.
"first" is the first pass over the pairs, with an empty stem cache; "repeat" is a second one. Modules are imported
before either. rouge-score is timed on the first --peer-pairs pairs and scaled to all of them, since its time per
pair hardly varies; it has no cache. The differences are over all nine values of those pairs; the exit code is 1
where one exceeds 1e-9.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Callable
from itertools import accumulate
from typing import Any

from rouge_score.rouge_scorer import RougeScorer

from clueplus.metrics.rouge import RougeScores, rouge, rouge_corpus

MEASURES = ["rouge1", "rouge2", "rougeL"]
TOLERANCE = 1e-9
VOCABULARY_SIZE = 20_000
ENDINGS = ["", "s", "ed", "ing", "ly", "ation", "ational", "ness", "ies", "ful"]

Pair = tuple[str, str]


def make_pairs(count: int, words: int, seed: int) -> list[Pair]:
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


def timed(function: Callable[[], list[Any]]) -> tuple[float, list[Any]]:
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def largest_difference(ours: list[RougeScores], peer: list[dict[str, Any]]) -> float:
    return max(
        abs(our_value - peer_value)
        for our_scores, peer_scores in zip(ours, peer, strict=True)
        for our_score, measure in zip(our_scores, MEASURES, strict=True)
        for our_value, peer_value in zip(our_score, peer_scores[measure], strict=True)
    )


def measure(pairs: list[Pair], peer_pairs: int, stemmer: bool) -> dict[str, Any]:
    predictions, references = zip(*pairs, strict=True)
    scorer = RougeScorer(MEASURES, use_stemmer=stemmer)
    # A pair of three letters imports everything and leaves the stem cache empty of the pairs' words.
    rouge("xyz", "xyz", stemmer=stemmer)
    first, ours = timed(lambda: rouge_corpus(predictions, references, stemmer=stemmer))
    repeat, _ = timed(lambda: rouge_corpus(predictions, references, stemmer=stemmer))
    peer_subset, peer = timed(
        lambda: [scorer.score(reference, prediction) for prediction, reference in pairs[:peer_pairs]]
    )
    peer_seconds = peer_subset * len(pairs) / peer_pairs
    return {
        "stemmer": stemmer,
        "ours_first_s": first,
        "ours_repeat_s": repeat,
        "peer_s": peer_seconds,
        "ratio_first": peer_seconds / first,
        "ratio_repeat": peer_seconds / repeat,
        "largest_difference": largest_difference(ours[:peer_pairs], peer),
    }


def print_table(pairs: int, words: int, peer_pairs: int, results: list[dict[str, Any]]) -> None:
    scaled = f"timed on {peer_pairs} and scaled to {pairs}" if peer_pairs < pairs else f"timed on all {pairs}"
    print(f"ROUGE-1, -2 and -L of {pairs} pairs of {words} words, seconds of one core; rouge-score {scaled} pairs")
    print(f"{'stemmer':8} {'implementation':18} {'seconds':>9} {'pairs/s':>9} {'ratio':>8}")
    for result in results:
        rows = [
            ("clueplus, first", result["ours_first_s"], result["ratio_first"]),
            ("clueplus, repeat", result["ours_repeat_s"], result["ratio_repeat"]),
            ("rouge-score", result["peer_s"], 1.0),
        ]
        for name, seconds, ratio in rows:
            stemmer = "yes" if result["stemmer"] else "no"
            print(f"{stemmer:8} {name:18} {seconds:9.3f} {pairs / seconds:9.1f} {ratio:7.1f}x")
    difference = max(result["largest_difference"] for result in results)
    print(f"largest difference of any precision, recall or F1 on {peer_pairs} pairs: {difference:.3g}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=500)
    parser.add_argument("--words", type=int, default=1000, help="words in each text")
    parser.add_argument("--peer-pairs", type=int, default=20, help="pairs that rouge-score is timed on")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    arguments = parser.parse_args()
    if min(arguments.pairs, arguments.words, arguments.peer_pairs) < 1:
        parser.error("--pairs, --words and --peer-pairs must be at least 1")
    peer_pairs = min(arguments.peer_pairs, arguments.pairs)

    pairs = make_pairs(arguments.pairs, arguments.words, arguments.seed)
    results = [measure(pairs, peer_pairs, stemmer) for stemmer in (False, True)]
    if arguments.json:
        settings = {name: vars(arguments)[name] for name in ("pairs", "words", "seed")} | {"peer_pairs": peer_pairs}
        print(json.dumps({**settings, "tolerance": TOLERANCE, "results": results}, indent=2))
    else:
        print_table(arguments.pairs, arguments.words, peer_pairs, results)
    return 0 if all(result["largest_difference"] <= TOLERANCE for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
