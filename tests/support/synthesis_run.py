"""A synthesis in a process of its own, to be killed: `synthesis_run.py BASE_URL FOLDER ROWS BLOCK`."""

import sys
from pathlib import Path

from clueplus.cli.synth_console import SynthReporter
from clueplus.evaluation.options import Options
from clueplus.training.synthesis.order import Order
from clueplus.training.synthesis.recipe import read_recipe
from clueplus.training.synthesis.run import synthesise

base_url, folder, rows, block = sys.argv[1:]
options = Options(model="fake", base_urls=[base_url], results_dir=Path(folder), concurrency=8)
order = Order(read_recipe("mediflow"), int(rows), Path(folder), options, block=int(block))
_, progress = synthesise(order, SynthReporter())
print(progress.before, progress.asked)
