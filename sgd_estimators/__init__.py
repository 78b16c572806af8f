"""Linear models for scikit-learn, trained by stochastic gradient descent."""

from ._classifier import SGDLogistic
from ._exceptions import DivergenceWarning
from ._minimize import minimize, objective
from ._optimality import OptimalityGap, optimality_gap
from ._regressors import SGDLinearRegressor, SGDRidge

__version__ = "0.1.0.dev0"

__all__ = [
    "DivergenceWarning",
    "OptimalityGap",
    "SGDLinearRegressor",
    "SGDLogistic",
    "SGDRidge",
    "minimize",
    "objective",
    "optimality_gap",
]
