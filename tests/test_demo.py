"""The demo: what it prints, and what can be seen in its picture."""

import importlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import logit
from sklearn.base import clone, is_classifier
from sklearn.preprocessing import scale

pytest.importorskip("matplotlib")
from matplotlib.figure import Figure

GRID = {"sgd__learning_rate": [0.01, 0.03, 0.1], "sgd__momentum": [0.0, 0.9]}
NAMES = "auto SGD momentum Adam AdaGrad SVRG".split()

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def demo(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "examples")
    return importlib.import_module("quickstart")


def check_curves(ax):
    """Assert that there are curves to be seen, between axes that say what they are."""
    assert ax.get_xlabel()
    assert ax.get_ylabel()
    assert ax.get_title()
    assert len(ax.lines) > 1
    for line in ax.lines:
        x, y = line.get_data()
        (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
        inside = (left <= x) & (x <= right) & (low <= y) & (y <= high)  # False for NaN
        assert len(np.unique(np.c_[x, y][inside], axis=0)) > 1, line.get_label()
        assert inside.all(), line.get_label()
        assert line.get_marker() not in ("", "None", None)


def test_a_picture_of_one_point_or_of_none_is_found_out():
    for values in ([], [1e-16], [np.nan, 1e-3]):
        ax = Figure().subplots()
        ax.set(xlabel="epoch", ylabel="excess", title="empty")
        for _ in range(2):
            ax.semilogy(range(len(values)), values, marker="o")
        with pytest.raises(AssertionError):
            check_curves(ax)
    ax.semilogy([1, 2, 3], [1, 0.1, 0.01], marker="o")
    ax.lines[0].remove()
    ax.lines[0].set_data([1, 2], [1, 0.5])
    check_curves(ax)


def test_the_picture_can_be_seen(demo):
    problems = demo.PROBLEMS[1:3]
    figure = demo.draw(problems, epochs=6, grid=GRID)
    figure.draw_without_rendering()
    rows = [figure.axes[k : k + 3] for k in (0, 3)]  # the colour bars are behind them
    for problem, (by_epochs, by_seconds, by_grid) in zip(problems, rows, strict=True):
        for ax, unit in ((by_epochs, "epochs"), (by_seconds, "seconds")):
            check_curves(ax)
            assert ax.get_xlabel() == unit
            assert (ax.get_xscale(), ax.get_yscale()) == ("symlog", "log")
            assert problem.title in ax.get_title()
        names = [line.get_label() for line in by_epochs.lines]
        assert names == [*NAMES, "their SGD"]
        assert by_epochs.lines[1].get_xdata().tolist() == list(range(7))
        assert by_epochs.lines[-1].get_xdata()[-1] == 6
        (image,) = by_grid.images
        assert image.get_array().shape == (3, 2)
        assert np.isfinite(np.ma.filled(image.get_array(), np.nan)).all()
        assert len(by_grid.texts) == 6
        assert by_grid.get_xlabel() == "sgd__momentum"
        assert by_grid.get_ylabel() == "sgd__learning_rate"
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.texts] == [*names, "exact"]


def test_one_f_is_that_of_all_models(demo):
    for problem in demo.PROBLEMS[:4]:
        problem = replace(problem, X=scale(problem.X))
        X, y = problem.X, problem.y
        ours, exact = clone(problem.ours).fit(X, y), clone(problem.exact).fit(X, y)
        assert problem.f(ours) == pytest.approx(ours.objective_, rel=1e-12)
        assert abs(problem.excess(ours)) < 1e-6
        assert problem.excess(exact) == 0
        their_sgd = demo.models(problem, 300)["their SGD"].fit(X, y)
        assert 0 < problem.excess(their_sgd) < 0.02
        ours.coef_ *= 0
        ours.intercept_ = logit(y.mean()) if is_classifier(ours) else y.mean()
        assert problem.excess(ours) == pytest.approx(1)


def test_the_demo_prints_its_tables_and_writes_its_picture(
    demo, monkeypatch, tmp_path, capsys
):
    picture = tmp_path / "picture.png"
    fast = {"EPOCHS": 3, "GRID": GRID, "PICTURE": picture, "PROBLEMS": demo.PROBLEMS[:4]}
    for name, value in fast.items():
        monkeypatch.setattr(demo, name, value)
    demo.main()
    assert picture.stat().st_size > 10_000
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 120
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in lines if "|" in line
    ]
    heads = [row[0] for row in rows]
    assert len(rows[heads.index("default")]) == 8
    for quantity in ("score", "f", "excess", "bound", "seconds"):
        begin = heads.index(quantity)
        head, _, *values = rows[begin : begin + 6]
        assert head == [quantity, *NAMES, "their SGD", "exact"]
        filled = len(NAMES) if quantity == "bound" else len(NAMES) + 2
        for row in values:
            numbers = [float(cell.removeprefix("<")) for cell in row[1 : 1 + filled]]
            assert np.isfinite(numbers).all()
