"""The rows of X by how it is stored."""

from typing import Any

import scipy.sparse as sp

from ._kernels.csr import CsrRows
from ._kernels.dense import ArrayRows, DenseRows
from ._kernels.rows import Rows


def as_rows(X: Any, fit_intercept: bool) -> Rows:
    """Return the rows of an array or of a CSR matrix.

    Those of an array that is not C-ordered are only seen: no pass goes over them.
    """
    if sp.issparse(X):
        return CsrRows(X, fit_intercept)
    kind = DenseRows if X.flags.c_contiguous else ArrayRows
    return kind(X, fit_intercept)
