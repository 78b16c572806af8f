"""A grid over learning_rate and momentum, as over any parameters of scikit-learn.

An optimizer object takes optimizer__..., a schedule object schedule__... as well. A rate
too large to converge warns, returns its best iterate, and is scored like the others.
"""

from pathlib import Path

from matplotlib.figure import Figure
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import GridSearchCV

from sgd_estimators import SGDLogistic

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

    scores = -search.cv_results_["mean_test_score"].reshape(len(RATES), len(MOMENTA))
    figure = Figure(figsize=(5, 4.5), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(scores, cmap="viridis_r")
    axes.set_xticks(range(len(MOMENTA)), MOMENTA)
    axes.set_yticks(range(len(RATES)), RATES)
    axes.set(xlabel="momentum", ylabel="learning_rate", title="Log-loss, 5 folds")
    figure.colorbar(image)
    figure.savefig(PICTURE, dpi=150)


if __name__ == "__main__":
    main()
