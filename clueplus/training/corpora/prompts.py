"""What a model is asked about a document, to write task data for pre-instruction tuning."""

from __future__ import annotations

from clueplus.training.corpora.spec import AskedFor

PROMPTS: dict[AskedFor, str] = {
    "summary": """\
Summarize the document for a clinician who has no time to read it. Use at most five sentences. State only what the \
document says, and keep its numbers, drug names and doses as they are. Reply with the summary only.

Document:
{document}

Summary:""",
    "questions": """\
Write three questions that the document answers, each with its answer in one or two sentences. Someone who has never \
seen the document must understand the question. Put each question on a line that begins with "Question:" and its \
answer on the next line, which begins with "Answer:". Reply with these lines only.

Document:
{document}

Questions and answers:""",
    "entities": """\
List the medical terms of the document: conditions, findings, drugs, procedures, tests and parts of the body. Write \
one a line as the term, a colon and its kind. Copy each term as it is written, and list it once. Reply with the list \
only.

Document:
{document}

Terms:""",
    "relations": """\
List how the medical terms of the document are related, as far as it says so: what treats, causes, shows, prevents or \
excludes what. Write one relation a line, as a short sentence with both terms as they are written. Reply with the list \
only.

Document:
{document}

Relations:""",
}
