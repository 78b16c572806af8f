"""The documentation is true: README and examples run, docstrings are complete."""

import inspect
import re
import runpy
from pathlib import Path

import pytest

import sgd_estimators
from sgd_estimators import callbacks, display, optimizers, penalties, schedules

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("plot_*.py"))
PUBLIC = {
    f"{module.__name__}.{name}"
    for module in (sgd_estimators, callbacks, display, optimizers, penalties, schedules)
    for name in module.__all__
    if callable(getattr(module, name))
}
OVERRIDDEN = ("start", "estimate", "auto_rate")
OPTIONAL = {"ES01", "EX01", "SA01"}  # an extended summary, examples, "see also"


def test_readme_code_runs():
    # Warnings are errors here: the README shows code that has nothing to warn of.
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert len(blocks) >= 3
    namespace = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), namespace)


def test_readme_begins_with_the_two_commands():
    head = (ROOT / "README.md").read_text().split("```")[1]
    assert "make demo" in head
    assert "make test" in head


@pytest.mark.slow
@pytest.mark.parametrize("script", EXAMPLES, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive")
def test_an_example_is_true(script):
    # It asserts what it claims, warns of nothing, and ends with a picture open.
    pyplot = pytest.importorskip("matplotlib.pyplot")
    text = script.read_text()
    title, line = text.splitlines()[1:3]
    assert line == "=" * len(title)
    assert re.search(r"^ *assert ", text, re.M)
    assert len(text.splitlines()) <= 60
    try:
        runpy.run_path(str(script), run_name="__main__")
        assert pyplot.get_fignums()
    finally:
        pyplot.close("all")


def public_members(name):
    """Yield the name, and those of the methods of a class that are ours and public."""
    yield name
    module, _, attribute = name.rpartition(".")
    found = {"sgd_estimators": sgd_estimators}.get(module) or getattr(
        sgd_estimators, module.rpartition(".")[2]
    )
    cls = getattr(found, attribute)
    if inspect.isclass(cls):
        for member, method in inspect.getmembers(cls, inspect.isfunction):
            ours = method.__module__.startswith("sgd_estimators")
            # those of a rule refer to the base class, which says it all
            inherited = cls is not optimizers.Optimizer and member in OVERRIDDEN
            if ours and not member.startswith("_") and not inherited:
                yield f"{name}.{member}"


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_docstrings_are_complete(name):
    validate = pytest.importorskip("numpydoc.validate", reason="needs numpydoc")
    for member in public_members(name):
        found = validate.validate(member)["errors"]
        assert [e for e in found if e[0] not in OPTIONAL] == [], member


def test_the_lecture_names_tests_and_examples_that_are_there():
    page = ROOT / "docs" / "lecture.rst"
    if not page.is_file():
        pytest.skip("the pages of the manual are not here")
    text = page.read_text()
    rows = text.split("   * - ")[1:]
    for row in rows:
        if not row.startswith("formula"):
            assert re.search(r"<gallery/plot_\w+>", row), row
            assert "``test_" in row, row
    named = set(re.findall(r"``(test_\w+)::(test_\w+)``", text))
    assert len(named) > 30
    for file, test in named:
        assert f"def {test}(" in (ROOT / "tests" / f"{file}.py").read_text(), (file, test)
    linked = set(re.findall(r"gallery/(plot_\w+)", text))
    assert linked == {script.stem for script in EXAMPLES}
