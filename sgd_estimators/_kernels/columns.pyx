"""Sums of the columns of CSR in one sweep over its entries as they are stored.

The entries come as NumPy arrays, float32 or float64 and int32 or int64.
"""
ctypedef fused real:
    float
    double

ctypedef fused index:
    int
    long long


def sums(const real[::1] x, const index[::1] indices, const index[::1] indptr,
         const Py_ssize_t[::1] rows, const double[::1] weight,
         double[::1] first, double[::1] second):
    """Add the weighted sums of the columns and of their squares."""
    cdef Py_ssize_t i, r, p
    cdef bint weighted = weight is not None
    cdef double v, s = 1.0
    with nogil:
        for r in range(rows.shape[0]):
            i = rows[r]
            if weighted:
                s = weight[i]
            for p in range(indptr[i], indptr[i + 1]):
                v = s * x[p]
                first[indices[p]] += v
                second[indices[p]] += v * x[p]
