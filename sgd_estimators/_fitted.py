"""What can be made of a fitted model: a smaller one, and the one of scikit-learn."""

from functools import cache
from importlib.metadata import PackageNotFoundError, metadata
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

COPIED = ("intercept_", "classes_", "feature_names_in_")
RUN = ("_run", "_run_setup", "history_")


@cache
def documentation() -> str:
    """Return the address of the manual, as the package's metadata has it, or ""."""
    try:
        entries = metadata("sgd_estimators").get_all("Project-URL", [])
    except PackageNotFoundError:  # a checkout on the path, or frozen into a program
        return ""
    for entry in entries:
        name, _, address = entry.partition(",")
        if name.strip().lower() == "documentation":
            return str(address).strip().rstrip("/")
    return ""


class Fitted(BaseEstimator):
    """What converts an estimator: `_twin` names the model of the same objective."""

    _doc_link_module = "sgd_estimators"  # whose pages the HTML of a model links to

    coef_: Any
    intercept_: Any
    n_features_in_: int
    n_iter_: int

    def _twin(self) -> Any:
        """Return the unfitted model."""
        raise NotImplementedError

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether there is a model, not only the classes of a stream."""
        return hasattr(self, "coef_")

    @property
    def _doc_link_template(self) -> str:
        page = "/generated/{estimator_module}.{estimator_name}.html"
        return documentation() and documentation() + page

    def _dense(self) -> NDArray[np.float64]:
        """Return coef_ as `fit` left it, an array, where it is sparse now."""
        if not sp.issparse(self.coef_):
            return np.asarray(self.coef_)
        coef: NDArray[np.float64] = self.coef_.toarray()
        return coef if np.ndim(self.intercept_) else coef[0]  # of one target

    def compact(self) -> Self:
        """Drop the run's state and ``history_``: a smaller model, the same predictions.

        What stays is what predicts, and how the fit ended. A model that goes on, with
        `warm_start` or in `partial_fit`, then begins at ``coef_`` with a new state of the
        optimizer, the schedule, the order and the stream.

        Returns
        -------
        self
            The same model.

        Examples
        --------
        >>> import pickle
        >>> from sklearn.datasets import load_diabetes
        >>> from sgd_estimators import SGDRidge
        >>> X, y = load_diabetes(return_X_y=True, scaled=False)
        >>> model = SGDRidge(optimizer="svrg", tol=1e-3, random_state=0).fit(X, y)
        >>> before = len(pickle.dumps(model))
        >>> before > 5 * len(pickle.dumps(model.compact()))
        True
        """
        check_is_fitted(self)
        for name in RUN:
            self.__dict__.pop(name, None)
        return self

    def sparsify(self) -> Self:
        """Keep ``coef_`` as a CSR array of two dimensions, of its non-zeros.

        It pays where most are zero, such as those of columns that the data never met.

        Returns
        -------
        self
            The same model.

        Examples
        --------
        >>> from sgd_estimators import SGDRidge
        >>> model = SGDRidge(random_state=0).fit([[1.0, 0.0], [2.0, 0.0]], [0.0, 1.0])
        >>> model.sparsify().coef_.nnz, model.densify().coef_.shape
        (1, (2,))
        """
        check_is_fitted(self)
        if not sp.issparse(self.coef_):
            self.coef_ = sp.csr_array(np.atleast_2d(self.coef_))
        return self

    def densify(self) -> Self:
        """Keep ``coef_`` as an array again, as `fit` left it.

        Returns
        -------
        self
            The same model.
        """
        check_is_fitted(self)
        self.coef_ = self._dense()
        return self

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
        twin.coef_ = self._dense().copy()
        for name in COPIED:
            if hasattr(self, name):
                setattr(twin, name, np.copy(getattr(self, name))[()])
        twin.n_features_in_ = self.n_features_in_
        if hasattr(twin, "max_iter"):
            twin.n_iter_ = np.array([self.n_iter_], np.int32)
        return twin
