/* Included by rows.h, for each REAL: what a pass tells of the columns. */

/* Add (x - centre)^2 and ^4 of some rows, or x - centre itself if fourth is NULL. */
CLONES static void NAME(add_powers)(const REAL *X, Py_ssize_t d,
                                    const Py_ssize_t *RESTRICT rows, Py_ssize_t n,
                                    const double *RESTRICT centre, double *RESTRICT low,
                                    double *RESTRICT fourth)
{
    for (Py_ssize_t i = 0; i < n; i++) {
        const REAL *RESTRICT x = ROW(i), *later = ROW(i + 16 < n ? i + 16 : i);
        FETCH(later, 0, d);
        if (!fourth) {
            SIMD
            for (Py_ssize_t j = 0; j < d; j++) low[j] += x[j] - centre[j];
            continue;
        }
        SIMD
        for (Py_ssize_t j = 0; j < d; j++) {
            const double square = (x[j] - centre[j]) * (x[j] - centre[j]);
            low[j] += square;
            fourth[j] += square * square;
        }
    }
}

/* Add s (x - centre) and s (x - centre)^2 of a few rows, whose s is 1 where there are no
   weights, in some columns from j on: those before `known` are there already. */
ALWAYS_INLINE void NAME(add_moments_at)(const REAL *const *x, const double *s, int rows,
                                        Py_ssize_t j, int columns, int known,
                                        const double *RESTRICT centre,
                                        double *RESTRICT first, double *RESTRICT second)
{
    SIMD
    for (int k = 0; k < columns; k++) {
        double one = 0, two = 0;
        for (int r = 0; r < rows; r++) {
            const double v = x[r][j + k] - centre[j + k], sv = s ? s[r] * v : v;
            one += sv;
            two += sv * v;
        }
        first[j + k] += k < known ? 0 : one;
        second[j + k] += k < known ? 0 : two;
    }
}

/* The same in all columns, a last eight of which may overlap. Spread over the sums, the
   requests for later rows wait for memory while the sums go on. */
ALWAYS_INLINE void NAME(add_moments_of)(const REAL *const *x, const REAL *const *later,
                                        const double *s, int rows, Py_ssize_t d,
                                        const double *RESTRICT centre,
                                        double *RESTRICT first, double *RESTRICT second)
{
    for (int r = 0; r < rows; r++) PREFETCH(later[r] + d - 1);
    if (d < 8) {
        for (Py_ssize_t j = 0; j < d; j++)
            NAME(add_moments_at)(x, s, rows, j, 1, 0, centre, first, second);
        return;
    }
    for (Py_ssize_t j = 0; j < d; j += 8) {
        if (j % NAME(LINE) == 0)
            for (int r = 0; r < rows; r++) PREFETCH(later[r] + j);
        const Py_ssize_t at = j + 8 <= d ? j : d - 8;
        NAME(add_moments_at)(x, s, rows, at, 8, (int)(j - at), centre, first, second);
    }
}

/* The same of n rows: those with these numbers or, where there are none, the first. */
CLONES static void NAME(add_moments)(const REAL *X, Py_ssize_t d, const Py_ssize_t *rows,
                                     Py_ssize_t n, const double *weight,
                                     const double *centre, double *first, double *second)
{
    enum { TOGETHER = 8, AHEAD_BYTES = 16384 };
    const Py_ssize_t ahead = TOGETHER + AHEAD_BYTES / (d * (Py_ssize_t)sizeof(REAL));
    const REAL *x[TOGETHER], *later[TOGETHER];
    double s[TOGETHER];
    for (Py_ssize_t i = 0; i < n; i += TOGETHER) {
        const int m = n - i < TOGETHER ? (int)(n - i) : TOGETHER;
        for (int r = 0; r < m; r++) {
            const Py_ssize_t own = rows ? rows[i + r] : i + r;
            const Py_ssize_t at = i + r + ahead < n ? i + r + ahead : n - 1;
            x[r] = X + own * d;
            later[r] = X + (rows ? rows[at] : at) * d;
            if (weight) s[r] = weight[own];
        }
        if (m < TOGETHER)
            for (int r = 0; r < m; r++)
                NAME(add_moments_of)(x + r, later + r, weight ? s + r : NULL, 1, d, centre,
                                     first, second);
        else if (weight)
            NAME(add_moments_of)(x, later, s, TOGETHER, d, centre, first, second);
        else
            NAME(add_moments_of)(x, later, NULL, TOGETHER, d, centre, first, second);
    }
}

/* out_i = sum_j share_j (x_ij - centre_j)^2 */
CLONES static void NAME(norms)(const REAL *RESTRICT X, Py_ssize_t d,
                               const Py_ssize_t *RESTRICT rows, Py_ssize_t n,
                               const double *RESTRICT centre,
                               const double *RESTRICT share, double *RESTRICT out)
{
    for (Py_ssize_t i = 0; i < n; i++) {
        const REAL *RESTRICT x = ROW(i), *later = ROW(i + 16 < n ? i + 16 : i);
        double s[16] = {0}, rest = 0;
        Py_ssize_t j = 0;
        FETCH(later, 0, d);
        for (; j + 16 <= d; j += 16) {
            SIMD
            for (int k = 0; k < 16; k++) {
                const double far = x[j + k] - centre[j + k];
                s[k] += share[j + k] * far * far;
            }
        }
        for (; j < d; j++) rest += share[j] * (x[j] - centre[j]) * (x[j] - centre[j]);
        out[i] = fold(s, 16) + rest;
    }
}
