"""The scores of a search: `SearchDisplay`."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from ._style import axes

Array = NDArray[np.float64]


class SearchDisplay:
    """The scores of a search over two parameters as a heat map, the best one framed.

    Made by `from_search`.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_columns)
        Mean test scores, NaN where there was no candidate.
    rows, columns : list
        The values of the two parameters.
    params : tuple of str
        Their names, that of the rows first.
    score_name : str
        For the colour bar.
    higher_is_better : bool, default=True
        False where scores are shown with their sign changed.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Where it is drawn.
    im_ : matplotlib AxesImage
        The map.
    text_ : ndarray of matplotlib Text of the shape of `scores`
        The numbers; None where there is none.
    colorbar_ : matplotlib Colorbar
        The scale.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sgd_estimators import SGDRidge
    >>> from sgd_estimators.display import SearchDisplay
    >>> X, y = load_diabetes(return_X_y=True, scaled=False)
    >>> grid = {"learning_rate": [0.1, 0.2], "momentum": [0.0, 0.5]}
    >>> search = GridSearchCV(SGDRidge(tol=1e-3, random_state=0), grid, cv=3).fit(X, y)
    >>> SearchDisplay.from_search(search).scores.shape  # needs matplotlib
    (2, 2)
    """

    def __init__(
        self,
        *,
        scores: Array,
        rows: Sequence[Any],
        columns: Sequence[Any],
        params: tuple[str, str],
        score_name: str,
        higher_is_better: bool = True,
    ) -> None:
        self.scores, self.rows, self.columns = scores, rows, columns
        self.params, self.score_name = params, score_name
        self.higher_is_better = higher_is_better

    def plot(self, ax: Any = None, *, values_format: str = ".3g", **im_kw: Any) -> Self:
        """Draw the map.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        values_format : str, default=".3g"
            Of the numbers in the cells.
        **im_kw
            For ``ax.imshow``, such as ``vmin`` where a candidate is far below the others.

        Returns
        -------
        SearchDisplay
            Itself, with ``ax_``, ``figure_``, ``im_``, ``text_`` and ``colorbar_``.
        """
        self.ax_ = ax = axes(ax)
        self.figure_ = ax.figure
        cmap = "cividis" if self.higher_is_better else "cividis_r"
        self.im_ = ax.imshow(self.scores, **{"cmap": cmap, "aspect": "auto"} | im_kw)
        self.text_ = np.full(self.scores.shape, None)
        for place in zip(*np.nonzero(np.isfinite(self.scores)), strict=True):
            colour = self.im_.cmap(self.im_.norm(self.scores[place]))
            dark = np.dot(colour[:3], (0.299, 0.587, 0.114)) < 0.5  # its luma
            self.text_[place] = ax.text(
                place[1],
                place[0],
                format(self.scores[place], values_format),
                ha="center",
                va="center",
                color="white" if dark else "black",
            )
        choose = np.nanargmax if self.higher_is_better else np.nanargmin
        i, j = np.unravel_index(choose(self.scores), self.scores.shape)
        self.text_[i, j].set(
            weight="bold", bbox={"fill": False, "edgecolor": "C3", "lw": 2}
        )
        ax.set_xticks(range(len(self.columns)), map(_label, self.columns))
        ax.set_yticks(range(len(self.rows)), map(_label, self.rows))
        ax.set(xlabel=self.params[1], ylabel=self.params[0])
        self.colorbar_ = self.figure_.colorbar(self.im_, ax=ax, label=self.score_name)
        return self

    @classmethod
    def from_search(
        cls,
        search: Any,
        *,
        params: tuple[str, str] | None = None,
        metric: str = "score",
        negate_score: bool = False,
        score_name: str | None = None,
        ax: Any = None,
        **plot_kw: Any,
    ) -> Self:
        """Draw a fitted search.

        Parameters
        ----------
        search : GridSearchCV or its like
            Fitted: what is read is its ``cv_results_``.
        params : tuple of two str, default=None
            The parameters of the rows and the columns. A cell is the best over the
            others. None are the two that were searched, if there are two.
        metric : str, default="score"
            The name of one of several metrics.
        negate_score : bool, default=False
            Change the sign, for scorers called ``neg_...``.
        score_name : str, default=None
            For the colour bar; None makes one.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **plot_kw
            For `plot`.

        Returns
        -------
        SearchDisplay
            Drawn.

        Raises
        ------
        ValueError
            If `params` are not two that were searched, or no candidate has a score.
        """
        check_is_fitted(search, "cv_results_")
        results = search.cv_results_
        searched = [name[len("param_") :] for name in results if name.startswith("param_")]
        chosen = searched if params is None else list(params)
        if len(chosen) != 2 or not set(chosen) <= set(searched):
            raise ValueError(f"params must be two of {searched}, got {params!r}")
        (rows, i), (columns, j) = (_axis(results[f"param_{name}"]) for name in chosen)
        found = np.asarray(results[f"mean_test_{metric}"], np.float64)
        if not np.isfinite(found).any():
            raise ValueError("no candidate of the search has a finite score")
        scores = np.full((len(rows), len(columns)), np.nan)
        np.fmax.at(scores, (i, j), np.where(np.isfinite(found), found, np.nan))
        display = cls(
            scores=-scores if negate_score else scores,
            rows=rows,
            columns=columns,
            params=(chosen[0], chosen[1]),
            score_name=score_name or f"{'negated ' * negate_score}mean test {metric}",
            higher_is_better=not negate_score,
        )
        return display.plot(ax, **plot_kw)


def _label(value: Any) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{value:.4g}" if number else str(value)


def _axis(values: ArrayLike) -> tuple[list[Any], NDArray[np.intp]]:
    """Return the values once each, numbers in order, and the place of each candidate's."""
    given = np.ma.asarray(values).tolist()
    once = list({repr(value): value for value in given}.values())
    if all(isinstance(value, int | float) for value in once):
        once.sort()
    places = {repr(value): k for k, value in enumerate(once)}
    return once, np.array([places[repr(value)] for value in given])
