"""Linear models for scikit-learn, trained by stochastic gradient descent."""

from ._classifier import SGDLogistic
from ._exceptions import DivergenceWarning
from ._minimize import minimize
from ._objective import objective
from ._optimality import OptimalityGap, optimality_gap
from ._regressors import SGDLinearRegressor, SGDRidge
from ._scipy_method import GradientDescent

__version__ = "0.1.0.dev0"

__all__ = [
    "DivergenceWarning",
    "GradientDescent",
    "OptimalityGap",
    "SGDLinearRegressor",
    "SGDLogistic",
    "SGDRidge",
    "minimize",
    "objective",
    "optimality_gap",
]
