"""Every fault of a YAML file is one line that names the file and the line."""

import pytest
from pydantic import BaseModel, ConfigDict

from clueplus.errors import ClueplusError
from clueplus.registry.yaml_file import read_yaml


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    count: int
    label: str = ""


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    parts: list[Inner] = []
    path: object


@pytest.fixture
def read(tmp_path):
    def read(text):
        path = tmp_path / "file.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_yaml(path, Outer)

    return read


@pytest.fixture
def fault(read, tmp_path):
    """The error text of reading a YAML text, with the file's path as FILE."""

    def fault(text):
        with pytest.raises(ClueplusError) as caught:
            read(text)
        message = str(caught.value)
        assert len(message.splitlines()) == 1
        return message.replace(str(tmp_path / "file.yaml"), "FILE")

    return fault


def test_a_good_file_becomes_the_model_with_its_path(read, tmp_path):
    found = read("name: a\nparts:\n  - {count: 1}\n  - count: 2\n    label: x\n")
    assert found.name == "a"
    assert [part.count for part in found.parts] == [1, 2]
    assert found.path == tmp_path / "file.yaml"


def test_a_function_reference_stays_the_text_of_the_reference(read):
    assert read("name: !function module.function\n").name == "!function module.function"


def test_broken_yaml_names_the_line(fault):
    assert fault("name: a\nparts:\n  - {count: 1\nmore: b\n").startswith("FILE:4: not valid YAML: ")


def test_a_tab_as_indentation_names_the_line(fault):
    assert fault("name: a\nparts:\n\t- count: 1\n").startswith("FILE:3: not valid YAML: ")


def test_an_unknown_tag_names_the_line(fault):
    assert fault("name: a\nparts: !!python/object:os.system {}\n").startswith("FILE:2: not valid YAML: ")


def test_two_documents_in_one_file_are_refused(fault):
    assert fault("name: a\n---\nname: b\n").startswith("FILE:2: not valid YAML: ")


def test_an_unknown_key_names_key_and_line(fault):
    assert fault("name: a\n\n# comment\ncolour: red\n") == "FILE:4: colour: unknown key"


def test_an_unknown_key_deep_inside_names_its_own_line(fault):
    text = "name: a\nparts:\n  - count: 1\n  - count: 2\n    colour: red\n"
    assert fault(text) == "FILE:5: parts.1.colour: unknown key"


def test_a_wrong_type_deep_inside_a_list_names_its_line(fault):
    message = fault("name: a\nparts:\n  - count: 1\n  - label: x\n    count: many\n")
    assert message.startswith("FILE:5: parts.1.count: Input should be a valid integer")


def test_a_missing_key_deep_inside_names_the_line_of_its_parent(fault):
    message = fault("name: a\nparts:\n  - count: 1\n  - label: x\n")
    assert message == "FILE:4: parts.1.count: Field required"


def test_further_faults_are_counted(fault):
    assert fault("name: a\nb: 1\nc: 2\nd: 3\n") == "FILE:2: b: unknown key (and 2 more)"


def test_a_repeated_key_names_its_second_line(fault):
    assert fault("name: a\nparts: []\nname: b\n") == "FILE:3: not valid YAML: the key 'name' appears twice"


def test_a_repeated_key_deep_inside_names_its_second_line(fault):
    text = "name: a\nparts:\n  - count: 1\n    count: 2\n"
    assert fault(text) == "FILE:4: not valid YAML: the key 'count' appears twice"


def test_an_unquoted_template_names_the_line(fault):
    assert fault("parts: []\nname: {{question}}\n").startswith("FILE:2: not valid YAML: ")


def test_a_date_that_does_not_exist_is_a_fault_of_the_file(fault):
    assert fault("name: 2021-99-99\n").startswith("FILE: not valid YAML: ")


def test_a_control_character_is_a_fault_of_the_file(fault):
    assert fault("name: a\x00b\n").startswith("FILE: not valid YAML: ")


def test_the_path_can_not_be_set_by_the_file(fault):
    assert fault("name: a\npath: elsewhere.yaml\n") == "FILE:2: path: unknown key"


@pytest.mark.parametrize(("text", "kind"), [("- a\n- b\n", "list"), ("just text\n", "str"), ("", "NoneType")])
def test_what_is_no_mapping_is_refused(fault, text, kind):
    assert fault(text) == f"FILE: expected a YAML mapping, found {kind}"


def test_unreadable_bytes_are_refused(fault):
    assert fault(b"name: \xff\xfe\n").startswith("FILE: can't be read (")


def test_an_absent_file_is_refused(tmp_path):
    with pytest.raises(ClueplusError, match=r"absent\.yaml: can't be read"):
        read_yaml(tmp_path / "absent.yaml", Outer)
