"""Finds tasks, groups and models: shipped, in user folders, and from installed packages."""

from clueplus.registry.catalog import Catalog, content_folder
from clueplus.registry.model_spec import ModelSpec
from clueplus.registry.task_spec import (
    GroupSpec,
    Scoring,
    SourceFile,
    TaskMetadata,
    TaskSpec,
    Tier,
    Variant,
    VariantName,
)

__all__ = [
    "Catalog",
    "GroupSpec",
    "ModelSpec",
    "Scoring",
    "SourceFile",
    "TaskMetadata",
    "TaskSpec",
    "Tier",
    "Variant",
    "VariantName",
    "content_folder",
]
