"""Concepts by scispaCy's UMLS linker, as CLUE finds them: the best candidate of each entity.

Neumann et al., "ScispaCy", BioNLP 2019. The linker is loaded only where the user asks for it by name, because scispaCy
fetches its knowledge base (about 1 GB) the first time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clueplus.errors import ClueplusError

MODEL = "en_core_sci_sm"
INSTALL = (
    "pip install 'scispacy>=0.6' "
    f"https://s3-us-west-2.amazonaws.com/ai2-s2-scispacy/releases/v0.5.4/{MODEL}-0.5.4.tar.gz"
)


def scispacy_missing() -> str | None:
    """Why the linker can't be used here, as one line with the exact installation; None when it can."""
    from importlib.util import find_spec

    lacking = [name for name in ("spacy", "scispacy", MODEL) if find_spec(name) is None]
    if lacking:
        return f"not computed: {' and '.join(lacking)} not installed; {INSTALL} (Python < 3.13, numpy < 2)"
    return None


class ScispacyLinker:
    """The linker with CLUE's model and settings."""

    def __init__(self, *, names: bool = False) -> None:
        """Loads model and linker.

        Args:
            names: canonical names in place of CUIs, as CLUE compares them; a few concepts share a name.

        Raises:
            ClueplusError: a part is not installed or can't be loaded.
        """
        missing = scispacy_missing()
        if missing:
            raise ClueplusError(f"the concept linker is {missing}")
        import scispacy.linking
        import spacy

        try:
            self._nlp: Any = spacy.load(MODEL)
            self._nlp.add_pipe("scispacy_linker", config={"resolve_abbreviations": True, "linker_name": "umls"})
        except Exception as error:  # the download of the knowledge base raises what its HTTP library raises
            raise ClueplusError(f"scispaCy's UMLS linker can't be loaded ({type(error).__name__})") from error
        self._entities: Any = self._nlp.get_pipe("scispacy_linker").kb.cui_to_entity
        self._names = names
        version = getattr(scispacy, "__version__", "of unknown version")
        kind = "canonical names" if names else "CUIs"
        self.identity = f"scispacy {version}, {MODEL} {self._nlp.meta.get('version')}, umls, {kind}"

    def concepts(self, texts: Sequence[str]) -> list[frozenset[str]]:
        """The best concept of each entity of each text."""
        return [
            frozenset(self._best(entity) for entity in doc.ents if entity._.kb_ents) for doc in self._nlp.pipe(texts)
        ]

    def _best(self, entity: Any) -> str:
        cui = str(entity._.kb_ents[0][0])
        return str(self._entities[cui].canonical_name) if self._names else cui
