"""The warning of a run that diverged."""

from sklearn.exceptions import ConvergenceWarning


class DivergenceWarning(ConvergenceWarning):
    """A run left every reasonable value; its best iterate was returned."""
