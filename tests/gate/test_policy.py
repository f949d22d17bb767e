"""The policy file: what it may say, what is an error with its line, and what the shipped one says."""

import re
from pathlib import Path

import pytest

from clueplus.errors import ClueplusError
from clueplus.gate.policy import DEFAULT_POLICY, Policy, TaskPolicy, read_policy


def read(tmp_path: Path, text: str) -> Policy:
    path = tmp_path / "gate.yaml"
    path.write_text(text)
    return read_policy(path)


def test_the_shipped_policy_says_what_the_keys_default_to() -> None:
    shipped = read_policy()
    assert shipped == Policy(path=DEFAULT_POLICY)
    assert (shipped.alpha, shipped.macro_margin) == (0.05, 1.0)
    assert shipped.task("medec") == TaskPolicy(tier="critical", margin=2.0)
    assert (shipped.limits.infrastructure_errors, shipped.limits.unscorable_increase, shipped.limits.unpaired) == (
        1,
        5,
        1,
    )
    assert shipped.limits.unscorable is None


DOCS = Path(__file__).resolve().parents[2] / "docs" / "gate.md"


def test_the_docs_show_the_shipped_policy_and_examples_that_are_policies(tmp_path: Path) -> None:
    shown, example = re.findall(r"^```yaml\n(.*?)^```", DOCS.read_text(), flags=re.M | re.S)
    assert shown == DEFAULT_POLICY.read_text()
    assert read(tmp_path, example).task("pls").tier == "supporting"


def test_a_task_has_its_own_keys_and_those_of_the_defaults(tmp_path: Path) -> None:
    policy = read(
        tmp_path,
        "defaults: {margin: 3, relative_floor: 0.9}\n"
        "tasks:\n  medec: {tier: supporting, floor: 40}\n  pls: {margin: 1.5, declared_n: 237}\n"
        "noise: {pls: {points: 0.7, reason: measured}}\n",
    )
    assert policy.task("medec") == TaskPolicy(tier="supporting", margin=3.0, relative_floor=0.9, floor=40.0)
    assert policy.task("pls") == TaskPolicy(tier="critical", margin=1.5, relative_floor=0.9, declared_n=237)
    assert policy.task("sdoh") == TaskPolicy(tier="critical", margin=3.0, relative_floor=0.9)
    assert (policy.noise_points("pls"), policy.noise_points("medec")) == (0.7, 0.0)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("alpha: 0.05\nmacro_marign: 1\n", "gate.yaml:2: macro_marign: unknown key"),
        ("tasks:\n  medec:\n    tolerance: 3\n", "gate.yaml:3: tasks.medec.tolerance: unknown key"),
        ("defaults: {tier: vital}\n", "gate.yaml:1: defaults.tier: Input should be 'critical', 'supporting' or"),
        ("alpha: 0.5\n", "gate.yaml:1: alpha"),
        ("alpha: 0\n", "gate.yaml:1: alpha"),
        ("alpha: .nan\n", "gate.yaml:1: alpha"),
        ("macro_margin: 0\n", "gate.yaml:1: macro_margin"),
        ("macro_margin: .inf\n", "gate.yaml:1: macro_margin"),
        ("defaults: {margin: -2}\n", "gate.yaml:1: defaults.margin"),
        ("tasks:\n  medec: {margin: }\n", "gate.yaml:2: tasks.medec: Value error, 'margin' has no value"),
        ("tasks: {medec: {relative_floor: 1.2}}\n", "gate.yaml:1: tasks.medec.relative_floor"),
        ("tasks: {medec: {floor: 101}}\n", "gate.yaml:1: tasks.medec.floor"),
        ("noise: {pls: {points: 1}}\n", "gate.yaml:1: noise.pls.reason"),
        ("allow_template_change: {}\n", "gate.yaml:1: allow_template_change.reason"),
        ("zero_tolerance:\n- {task: medec}\n", "gate.yaml:2: zero_tolerance.0: Value error, give 'items' or 'groups'"),
        ("limits: {unscorable: 200}\n", "gate.yaml:1: limits.unscorable"),
        ("targets: [{at_least: X, of: []}]\n", "gate.yaml:1: targets.0.of"),
        ("alpha: 0.05\nalpha: 0.1\n", "gate.yaml:2: not valid YAML: the key 'alpha' appears twice"),
        ("- a\n", "gate.yaml: expected a YAML mapping"),
    ],
)
def test_a_fault_is_one_line_that_names_file_line_and_key(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(ClueplusError) as caught:
        read(tmp_path, text)
    assert fault in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_told_with_the_option_that_named_it(tmp_path: Path) -> None:
    with pytest.raises(ClueplusError, match=r"--policy .*nowhere.yaml: no such file"):
        read_policy(tmp_path / "nowhere.yaml")
    with pytest.raises(ClueplusError, match=r"--reference-policy .*nowhere.yaml: no such file"):
        read_policy(tmp_path / "nowhere.yaml", option="--reference-policy")
