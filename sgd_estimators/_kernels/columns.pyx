"""What one sweep over the rows, as they are stored, tells of the columns.

X comes as an array, or as the three of CSR: float32 or float64, int32 or int64.
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


def spreads(const real[::1] x, const index[::1] indices, const index[::1] indptr,
            const Py_ssize_t[::1] rows, const double[::1] weight, const double[::1] centre,
            double[::1] first, double[::1] second, double[::1] stored):
    """Add weighted sums of the entries about a centre, of their squares, and of 1.

    Return the sum of the weights: to the bit that of 1 in a column without zeros.
    """
    cdef Py_ssize_t i, r, p
    cdef bint weighted = weight is not None
    cdef double v, s = 1.0, total = 0.0
    with nogil:
        for r in range(rows.shape[0]):
            i = rows[r]
            if weighted:
                s = weight[i]
            total += s
            for p in range(indptr[i], indptr[i + 1]):
                v = x[p] - centre[indices[p]]
                first[indices[p]] += s * v
                second[indices[p]] += s * v * v
                stored[indices[p]] += s
    return total


def norms(const real[::1] x, const index[::1] indices, const index[::1] indptr,
          const Py_ssize_t[::1] rows, const double[::1] share, double[::1] out):
    """Write sum_j share_j x_ij^2 of some rows; a share of None is all 1."""
    cdef Py_ssize_t i, r
    cdef bint plain = share is None
    cdef index p
    cdef double total
    with nogil:
        for r in range(rows.shape[0]):
            i, total = rows[r], 0.0
            for p in range(indptr[i], indptr[i + 1]):
                if plain:
                    total += x[p] * <double>x[p]
                else:
                    total += x[p] * (share[indices[p]] * x[p])
            out[r] = total


def distances(const real[::1] x, const index[::1] indices, const index[::1] indptr,
              const Py_ssize_t[::1] rows, const double[::1] share, const double[::1] centre,
              const Py_ssize_t[::1] far, const double[::1] rest, double[::1] out):
    """Write sum_j share_j (x_ij - centre_j)^2 of some rows.

    Of the columns that are `far` from 0, a row's zeros are looked for. What those of the
    others add is `rest`, share_j centre_j^2 or 0 for a far one, less that of its entries.
    """
    cdef Py_ssize_t i, j, r, q, n_far = far.shape[0]
    cdef index p
    cdef double total, v, zeros = 0.0
    with nogil:
        for j in range(rest.shape[0]):
            zeros += rest[j]
        for r in range(rows.shape[0]):
            i, q, total = rows[r], 0, zeros
            for p in range(indptr[i], indptr[i + 1]):
                j = indices[p]
                while q < n_far and far[q] < j:
                    total += share[far[q]] * centre[far[q]] * centre[far[q]]
                    q += 1
                if q < n_far and far[q] == j:
                    q += 1
                v = x[p] - centre[j]
                total += share[j] * v * v - rest[j]
            while q < n_far:
                total += share[far[q]] * centre[far[q]] * centre[far[q]]
                q += 1
            out[r] = max(total, 0.0)


def powers(const real[::1] x, const index[::1] indices, const index[::1] indptr,
           const Py_ssize_t[::1] rows, const double[::1] centre, double[::1] count,
           double[::1] second, double[::1] fourth):
    """Count the entries of the columns, and add powers 2 and 4 of them about a centre."""
    cdef Py_ssize_t i, r, p
    cdef double v
    with nogil:
        for r in range(rows.shape[0]):
            i = rows[r]
            for p in range(indptr[i], indptr[i + 1]):
                v = (x[p] - centre[indices[p]]) * (x[p] - centre[indices[p]])
                count[indices[p]] += 1
                second[indices[p]] += v
                fourth[indices[p]] += v * v


def scatter(const real[::1] x, const index[::1] indices, const index[::1] indptr,
            const Py_ssize_t[::1] rows, const double[::1] factor, double[:, ::1] A):
    """Add the entries of some rows, times their columns' factors, to those of A."""
    cdef Py_ssize_t i, r
    cdef index p
    with nogil:
        for r in range(rows.shape[0]):
            i = rows[r]
            for p in range(indptr[i], indptr[i + 1]):
                A[r, indices[p]] += factor[indices[p]] * x[p]


def products(const real[::1] x, const index[::1] indices, const index[::1] indptr,
             const Py_ssize_t[::1] rows, const double[::1] weight,
             double[:, ::1] second, double[::1] first):
    """Add the weighted sums of the columns to `first`, of their products to `second`.

    That was 0, and is symmetric. Its sums cost the squares of the rows' non-zeros. Return
    the sum of the weights.
    """
    cdef Py_ssize_t i, j, r
    cdef index p, q, end
    cdef bint weighted = weight is not None
    cdef double v, s = 1.0, total = 0.0
    cdef double* out
    with nogil:
        for r in range(rows.shape[0]):
            i = rows[r]
            if weighted:
                s = weight[i]
            total += s
            end = indptr[i + 1]
            for p in range(indptr[i], end):
                v = s * x[p]
                first[indices[p]] += v
                out = &second[indices[p], 0]
                for q in range(p, end):
                    out[indices[q]] += v * x[q]
        for i in range(second.shape[0]):
            for j in range(i):
                second[i, j] = second[j, i]
    return total


def far(const real[:, ::1] X, const Py_ssize_t[::1] rows, const Py_ssize_t[::1] columns,
        const double[::1] low, const double[::1] high, unsigned char[::1] found):
    """Mark the rows that leave [low, high] in one of these columns."""
    cdef Py_ssize_t i, j, r, k
    with nogil:
        for r in range(rows.shape[0]):
            i = rows[r]
            for k in range(columns.shape[0]):
                j = columns[k]
                if X[i, j] < low[j] or X[i, j] > high[j]:
                    found[i] = 1
                    break


def far_entries(const real[::1] x, const index[::1] indices, const index[::1] indptr,
                const Py_ssize_t[::1] rows, const double[::1] low, const double[::1] high,
                unsigned char[::1] found):
    """Mark the rows that have an entry outside of its column's [low, high]."""
    cdef Py_ssize_t i, r
    cdef index p
    with nogil:
        for r in range(rows.shape[0]):
            i = rows[r]
            for p in range(indptr[i], indptr[i + 1]):
                if x[p] < low[indices[p]] or x[p] > high[indices[p]]:
                    found[i] = 1
                    break
