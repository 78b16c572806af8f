"""The warning of a run that diverged, and how this package warns."""

import sys
import warnings
from pathlib import Path

from sklearn.exceptions import ConvergenceWarning

HERE = str(Path(__file__).parent / "_")[:-1]


class DivergenceWarning(ConvergenceWarning):
    """A run left every reasonable value; its best iterate was returned."""


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line that called into this package."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(HERE):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
