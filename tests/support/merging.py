"""What the commands of docs/merging.md find: its configuration, and small checkpoints of the names in it."""

import re
from pathlib import Path

from tests.training.merging.conftest import weights, write

PAGE = Path(__file__).resolve().parents[2] / "docs/merging.md"


def merge_files(folder: Path) -> None:
    """Writes merge.yaml, as the page shows it, and the models that it names."""
    for seed, name in enumerate(("phi", "clinical", "medcode")):
        write(folder / name, weights(seed))
    (folder / "merge.yaml").write_text(re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(), flags=re.M | re.S)[0])
