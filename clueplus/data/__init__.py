"""Sources, documents and tiers: from pinned upstream files to the documents of a task."""

from clueplus.data.documents import Documents, Splits
from clueplus.data.hold_out import hold_out
from clueplus.data.library import Library, data_folder
from clueplus.data.load import load_splits, task_dataset
from clueplus.data.tables import read_csv, read_xlsx

__all__ = [
    "Documents",
    "Library",
    "Splits",
    "data_folder",
    "hold_out",
    "load_splits",
    "read_csv",
    "read_xlsx",
    "task_dataset",
]
