"""A grid over learning_rate and momentum, as over any parameters of scikit-learn.

An optimizer object takes optimizer__..., a schedule object schedule__... as well. A rate
too large to converge warns, returns its best iterate, and is scored like the others.
"""

from pathlib import Path

from matplotlib.figure import Figure
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import GridSearchCV

from sgd_estimators import SGDLogistic
from sgd_estimators.display import SearchDisplay

PICTURE = Path(__file__).with_name("plot_grid_search.png")
RATES = [0.001, 0.01, 0.1, 1.0]
MOMENTA = [0.0, 0.5, 0.9]


def main():
    """Search, and draw the mean score of each pair."""
    X, y = load_breast_cancer(return_X_y=True)
    model = SGDLogistic(tol=1e-3, random_state=0)
    grid = {"learning_rate": RATES, "momentum": MOMENTA}
    search = GridSearchCV(model, grid, scoring="neg_log_loss", cv=5).fit(X, y)
    print(f"best: {search.best_params_}, log-loss {-search.best_score_:.4f}")

    figure = Figure(figsize=(5, 4.5), layout="constrained")
    SearchDisplay.from_search(
        search, negate_score=True, score_name="log-loss, 5 folds", ax=figure.subplots()
    )
    figure.savefig(PICTURE, dpi=150)


if __name__ == "__main__":
    main()
