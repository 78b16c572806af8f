/* Included by simd.h once for each REAL; `stride` counts the doubles from one row's z
   (or r) to the next one's, d the elements from one row of X to the next. */

enum { NAME(LINE) = 64 / sizeof(REAL) }; /* elements of a cache line */

#define ROW(i) (X + rows[i] * d)

/* Ask for the part of x from column begin to end. */
#define FETCH(x, begin, end)                                                       \
    for (Py_ssize_t k = begin; k < end; k += NAME(LINE)) PREFETCH((x) + k)

/* z[i] = x_i . w, in a line of partial sums a row; d is at least a line.
   The first line is cut short, by zeros behind, so that the others have no remainder. */
CLONES static void NAME(dot)(const REAL *RESTRICT X, Py_ssize_t d,
                             const Py_ssize_t *RESTRICT rows, Py_ssize_t n,
                             const double *RESTRICT w, double *RESTRICT z,
                             Py_ssize_t stride)
{
    const Py_ssize_t head = (d - 1) % NAME(LINE) + 1;
    double first[NAME(LINE)];
    for (int k = 0; k < NAME(LINE); k++) first[k] = k < head ? w[k] : 0;
    Py_ssize_t i = 0;
    for (; i + 4 <= n; i += 4) {
        const REAL *RESTRICT x0 = ROW(i), *RESTRICT x1 = ROW(i + 1),
                   *RESTRICT x2 = ROW(i + 2), *RESTRICT x3 = ROW(i + 3);
        double s0[NAME(LINE)] = {0}, s1[NAME(LINE)] = {0}, s2[NAME(LINE)] = {0},
               s3[NAME(LINE)] = {0};
        const double *v = first;
        for (Py_ssize_t j = 0; j < d; j = j ? j + NAME(LINE) : head, v = w + j) {
            SIMD
            for (int k = 0; k < NAME(LINE); k++) {
                s0[k] += x0[j + k] * v[k];
                s1[k] += x1[j + k] * v[k];
                s2[k] += x2[j + k] * v[k];
                s3[k] += x3[j + k] * v[k];
            }
        }
        double *out = z + i * stride;
        out[0] = fold(s0, NAME(LINE)), out[stride] = fold(s1, NAME(LINE));
        out[2 * stride] = fold(s2, NAME(LINE)), out[3 * stride] = fold(s3, NAME(LINE));
    }
    for (; i < n; i++) {
        const REAL *RESTRICT x = ROW(i);
        double s[NAME(LINE)] = {0};
        const double *v = first;
        for (Py_ssize_t j = 0; j < d; j = j ? j + NAME(LINE) : head, v = w + j) {
            SIMD
            for (int k = 0; k < NAME(LINE); k++) s[k] += x[j + k] * v[k];
        }
        z[i * stride] = fold(s, NAME(LINE));
    }
}

/* g += sum_i r_i x_i; asks for the rows that stand `ahead` places later, if not 0. */
CLONES static void NAME(add)(const REAL *RESTRICT X, Py_ssize_t d,
                             const Py_ssize_t *RESTRICT rows, Py_ssize_t n,
                             const double *RESTRICT r, Py_ssize_t stride,
                             double *RESTRICT g, Py_ssize_t ahead)
{
    const Py_ssize_t block = ahead ? 32 : d;
    Py_ssize_t i = 0;
    for (; i + 4 <= n; i += 4) {
        const REAL *RESTRICT x0 = ROW(i), *RESTRICT x1 = ROW(i + 1),
                   *RESTRICT x2 = ROW(i + 2), *RESTRICT x3 = ROW(i + 3);
        const double *q = r + i * stride;
        const double r0 = q[0], r1 = q[stride], r2 = q[2 * stride], r3 = q[3 * stride];
        /* Spread over the sums, the requests wait for memory while the sums go on. */
        for (Py_ssize_t begin = 0; begin < d; begin += block) {
            const Py_ssize_t end = begin + block < d ? begin + block : d;
            if (ahead)
                for (Py_ssize_t m = i + ahead; m < i + ahead + 4; m++) {
                    FETCH(ROW(m), begin, end);
                    if (end == d) PREFETCH(ROW(m) + d - 1);
                }
            SIMD
            for (Py_ssize_t j = begin; j < end; j++)
                g[j] += (r0 * x0[j] + r1 * x1[j]) + (r2 * x2[j] + r3 * x3[j]);
        }
    }
    for (; i < n; i++) {
        const REAL *RESTRICT x = ROW(i);
        const double ri = r[i * stride];
        if (ahead) {
            FETCH(ROW(i + ahead), 0, d);
            PREFETCH(ROW(i + ahead) + d - 1);
        }
        SIMD
        for (Py_ssize_t j = 0; j < d; j++) g[j] += ri * x[j];
    }
}

/* Pack n rows, `width` doubles each, and ask for the rows `ahead` places later. */
CLONES static void NAME(pack)(const REAL *RESTRICT X, Py_ssize_t d,
                              const Py_ssize_t *RESTRICT rows, Py_ssize_t n,
                              Py_ssize_t ahead, double *RESTRICT out, Py_ssize_t width)
{
    const Py_ssize_t last = d - NAME(LINE); /* A last line that overlaps leaves no tail. */
    for (Py_ssize_t i = 0; i < n; i++, out += width) {
        const REAL *RESTRICT x = ROW(i), *later = ROW(i + ahead);
        for (Py_ssize_t j = 0; j < last; j += NAME(LINE)) {
            PREFETCH(later + j);
            SIMD
            for (int k = 0; k < NAME(LINE); k++) out[j + k] = x[j + k];
        }
        PREFETCH(later + d - 1);
        if (last >= 0) {
            PREFETCH(later + last);
            SIMD
            for (int k = 0; k < NAME(LINE); k++) out[last + k] = x[last + k];
        } else
            for (int k = 0; k < d; k++) out[k] = x[k];
    }
}

/* out = (x - centre) / scale */
CLONES static void NAME(see)(const REAL *RESTRICT x, const double *RESTRICT centre,
                             const double *RESTRICT inverse_scale, Py_ssize_t d,
                             double *RESTRICT out)
{
    SIMD
    for (Py_ssize_t j = 0; j < d; j++) out[j] = (x[j] - centre[j]) * inverse_scale[j];
}

#undef FETCH
#undef ROW
