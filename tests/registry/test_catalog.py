"""Where tasks, groups and models are found."""

from types import SimpleNamespace

import pytest

from clueplus.errors import ClueplusError
from clueplus.registry import Catalog, content_folder

SHIPPED = ["aci_bench", "icd10cm", "medec", "meqsum"]


def add_task(folder, name):
    """A folder of tasks with one task of that name: shipped MeQSum under another name."""
    text = (content_folder("tasks") / "meqsum" / "meqsum.yaml").read_text(encoding="utf-8")
    path = folder / name / f"{name}.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(text.replace("task: meqsum\n", f"task: {name}\n", 1), encoding="utf-8")
    return path


@pytest.fixture
def register(monkeypatch):
    """Makes `load` what the one installed entry point does."""

    def register(load):
        def entry_points(group):
            assert group == "clueplus.tasks"
            return [SimpleNamespace(name="theirs", load=load)]

        monkeypatch.setattr("clueplus.registry.catalog.entry_points", entry_points)

    return register


def test_all_shipped_tasks_load_in_the_order_of_their_names():
    tasks = Catalog().tasks
    assert set(SHIPPED) <= set(tasks)
    assert list(tasks) == sorted(tasks)
    assert all(name == spec.name for name, spec in tasks.items())


def test_every_task_stands_in_a_folder_of_its_name():
    assert all(spec.folder.name == spec.path.stem == name for name, spec in Catalog().tasks.items())


def test_the_members_of_every_group_exist():
    catalog = Catalog()
    assert "clueplus_open" in catalog.groups
    for group in catalog.groups.values():
        assert set(group.task) <= set(catalog.tasks)


def test_the_open_group_is_what_of_clueplus_anybody_may_download():
    """In its official form: a stand-in is another task, and an average does not mix variants."""
    catalog = Catalog()
    tasks = (catalog.task(name) for name in catalog.groups["clueplus"].task)
    downloads = [spec.name for spec in tasks if spec.metadata.variants["official"].access == "download"]
    assert catalog.groups["clueplus_open"].task == downloads
    assert catalog.groups["clue"].task == catalog.groups["clueplus"].task[:6]
    assert all(group.aggregate_metric_list for group in catalog.groups.values()), "stock lm-eval would give no average"


def test_an_unknown_task_gets_a_suggestion():
    with pytest.raises(ClueplusError, match=r"unknown task 'icd10cmm'. Fix: did you mean icd10cm\?"):
        Catalog().task("icd10cmm")


def test_an_unknown_task_may_be_a_misspelt_group():
    with pytest.raises(ClueplusError, match=r"did you mean clueplus_open"):
        Catalog().select(["clueplus-open"])


def test_an_unknown_model_gets_a_suggestion():
    with pytest.raises(ClueplusError, match=r"unknown model 'baseline:laed'. Fix: did you mean baseline:lead"):
        Catalog().model("baseline:laed")


def test_a_known_model_is_found():
    assert Catalog().model("baseline:lead").name == "baseline:lead"


def test_select_keeps_the_order_given():
    assert [spec.name for spec in Catalog().select(["meqsum", "aci_bench"])] == ["meqsum", "aci_bench"]


def test_select_takes_a_task_once_when_named_directly_and_through_a_group():
    names = [spec.name for spec in Catalog().select(["icd10cm", "clueplus_open", "medec"])]
    assert names[0] == "icd10cm"
    assert sorted(names) == SHIPPED


def test_select_of_nothing_is_an_error():
    with pytest.raises(ClueplusError, match="no task was named"):
        Catalog().select([])


def test_a_new_task_in_a_folder_of_the_user_is_found(tmp_path):
    path = add_task(tmp_path, "mine")
    catalog = Catalog([tmp_path])
    assert catalog.task("mine").path == path
    assert list(catalog.tasks) == sorted([*Catalog().tasks, "mine"])
    assert catalog.task_dirs == [content_folder("tasks"), tmp_path]


def test_a_new_group_in_a_folder_of_the_user_is_found(tmp_path):
    add_task(tmp_path, "mine")
    (tmp_path / "ours.yaml").write_text("group: ours\ntask: [mine, medec]\n")
    assert [spec.name for spec in Catalog([tmp_path]).select(["ours"])] == ["mine", "medec"]


def test_a_group_with_an_unknown_member_is_an_error(tmp_path):
    (tmp_path / "ours.yaml").write_text("group: ours\ntask: [medec, mine]\n")
    with pytest.raises(ClueplusError, match="unknown task 'mine'"):
        Catalog([tmp_path]).select(["ours"])


def test_a_repeated_task_name_names_both_files(tmp_path):
    path = add_task(tmp_path, "medec")
    with pytest.raises(ClueplusError) as caught:
        _ = Catalog([tmp_path]).tasks
    shipped = content_folder("tasks") / "medec" / "medec.yaml"
    assert str(caught.value) == f"'medec' is defined twice: {shipped} and {path}"


def test_a_group_with_the_name_of_a_task_names_both_files(tmp_path):
    path = tmp_path / "medec.yaml"
    path.write_text("group: medec\ntask: [meqsum]\n")
    with pytest.raises(ClueplusError) as caught:
        Catalog([tmp_path]).select(["medec"])
    assert str(path) in str(caught.value)
    assert str(content_folder("tasks") / "medec" / "medec.yaml") in str(caught.value)


def test_a_missing_folder_of_tasks_is_an_error(tmp_path):
    with pytest.raises(ClueplusError, match=r"--tasks-dir .*absent: no such folder"):
        Catalog([tmp_path / "absent"])


@pytest.mark.parametrize("form", ["a path", "its text", "a function"])
def test_an_installed_package_can_register_a_folder(register, tmp_path, form):
    add_task(tmp_path, "theirs")
    value = {"a path": tmp_path, "its text": str(tmp_path), "a function": lambda: tmp_path}[form]
    register(lambda: value)
    assert Catalog().task("theirs").folder == tmp_path / "theirs"


def test_an_entry_point_that_raises_is_named_with_its_reason(register):
    def load():
        raise RuntimeError("broken\npackage")

    register(load)
    with pytest.raises(ClueplusError) as caught:
        _ = Catalog().tasks
    message = str(caught.value)
    assert message.startswith("the entry point 'theirs' (clueplus.tasks) fails: RuntimeError: broken package. Fix: ")


def test_an_entry_point_that_names_no_folder_is_an_error(register, tmp_path):
    register(lambda: tmp_path / "absent")
    with pytest.raises(ClueplusError, match=r"the entry point 'theirs' .* names no folder: .*absent"):
        _ = Catalog().tasks


def test_content_that_is_not_there_says_to_reinstall():
    with pytest.raises(ClueplusError, match=r"no 'recipes' folder. Fix: reinstall clueplus"):
        content_folder("recipes")
