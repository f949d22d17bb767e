"""The verdict as JUnit XML: one test case a task, so that a CI shows the gate among its tests."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from clueplus.gate.verdict import Check, Difference, Verdict

# XML 1.0 has no way to write these.
_UNWRITABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_junit(verdict: Verdict) -> str:
    """One suite. What blocks is a failure, what holds the verdict back an error; a warning is a passed case."""
    suite = ET.Element("testsuite", name="clueplus gate", timestamp=verdict.created.isoformat(timespec="seconds"))
    properties = ET.SubElement(suite, "properties")
    for name, value in (
        ("status", verdict.status),
        ("baseline", verdict.baseline.source),
        ("candidate", verdict.candidate.source),
        ("policy", verdict.policy.source),
    ):
        ET.SubElement(properties, "property", name=name, value=_clean(value))
    for difference in verdict.differences():
        _case(suite, "differences", difference.task, difference, difference.advice)
    for check in verdict.checks:
        _case(suite, "promises", f"{check.kind} of {check.subject}", check, None)
    _comparability(suite, verdict)
    cases = suite.findall("testcase")
    suite.set("tests", str(len(cases)))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("errors", str(len(suite.findall("testcase/error"))))
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: ET.Element, kind: str, name: str, found: Difference | Check, advice: str | None) -> None:
    case = ET.SubElement(suite, "testcase", classname=f"clueplus.gate.{kind}", name=_clean(name))
    properties = ET.SubElement(case, "properties")
    ET.SubElement(properties, "property", name="standing", value=found.standing)
    ET.SubElement(properties, "property", name="effect", value=found.effect)
    text = _clean(found.text)
    if found.effect in ("fail", "hold"):
        element = ET.SubElement(
            case, "failure" if found.effect == "fail" else "error", message=text, type=found.standing
        )
        element.text = _clean(f"{found.text}\n{advice or ''}")
    else:
        ET.SubElement(case, "system-out").text = text


def _comparability(suite: ET.Element, verdict: Verdict) -> None:
    """A suite without cases would look as if nothing was wrong."""
    case = ET.SubElement(suite, "testcase", classname="clueplus.gate", name="comparable")
    if verdict.mismatch is not None:
        ET.SubElement(case, "error", message=_clean(verdict.mismatch.text), type=_clean(verdict.mismatch.field))
    elif verdict.status == "INCONCLUSIVE" and suite.find("testcase/error") is None:
        ET.SubElement(case, "error", message=_clean("; ".join(verdict.reasons)), type="undecided")


def _clean(text: str) -> str:
    return _UNWRITABLE.sub("?", text)
