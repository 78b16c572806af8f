"""The fitted model of scikit-learn that an estimator stands for."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

COPIED = ("coef_", "intercept_", "classes_", "feature_names_in_")


class Twin(BaseEstimator):
    """What converts an estimator: `_twin` names the model of the same objective."""

    n_features_in_: int
    n_iter_: int

    def _twin(self) -> Any:
        """Return the unfitted model."""
        raise NotImplementedError

    def to_sklearn(self) -> Any:
        """Return the fitted scikit-learn model of the same objective and predictions.

        What reads scikit-learn's models (skl2onnx, sklearn2pmml, skops without a list of
        trusted types) then reads ours. The twin has the parameters that make the
        objective; if it is fitted again, it is by scikit-learn's solver.

        Returns
        -------
        LinearRegression, Ridge or LogisticRegression
            With copies of the fitted attributes.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from sgd_estimators import SGDRidge
        >>> X, y = load_diabetes(return_X_y=True, scaled=False)
        >>> model = SGDRidge(alpha=10.0, random_state=0).fit(X, y)
        >>> model.to_sklearn()
        Ridge(alpha=10.0)
        """
        check_is_fitted(self)
        twin = self._twin()
        for name in COPIED:
            if hasattr(self, name):
                setattr(twin, name, np.copy(getattr(self, name))[()])
        twin.n_features_in_ = self.n_features_in_
        if hasattr(twin, "max_iter"):
            twin.n_iter_ = np.array([self.n_iter_], np.int32)
        return twin
