/* Included by simd.h once for each REAL; `stride` counts the doubles from one row's z
   (or r) to the next one's, d the elements from one row of X to the next. */

enum { NAME(LINE) = 64 / sizeof(REAL) }; /* elements of a cache line */

#define ROW(i) (X + rows[i] * d)
#define SEEN(j) ((x[j] - centre[j]) * inverse_scale[j])

/* Ask for the part of x from column begin to end. */
#define FETCH(x, begin, end)                                                       \
    for (Py_ssize_t k = begin; k < end; k += NAME(LINE)) PREFETCH((x) + k)

/* z[i] = x_i . w, in eight partial sums a row; d is at least 8.
   The first eight are cut short, by zeros behind, so that the others have no remainder.
   If `ahead`, asks for half of the rows that stand so many places later. */
CLONES static void NAME(dot)(const REAL *RESTRICT X, Py_ssize_t d,
                             const Py_ssize_t *RESTRICT rows, Py_ssize_t n,
                             const double *RESTRICT w, double *RESTRICT z,
                             Py_ssize_t stride, Py_ssize_t ahead)
{
    const Py_ssize_t head = (d - 1) % 8 + 1;
    double first[8];
    for (int k = 0; k < 8; k++) first[k] = k < head ? w[k] : 0;
    Py_ssize_t i = 0;
    for (; i + 8 <= n; i += 8) {
        const REAL *RESTRICT x0 = ROW(i), *RESTRICT x1 = ROW(i + 1),
                   *RESTRICT x2 = ROW(i + 2), *RESTRICT x3 = ROW(i + 3),
                   *RESTRICT x4 = ROW(i + 4), *RESTRICT x5 = ROW(i + 5),
                   *RESTRICT x6 = ROW(i + 6), *RESTRICT x7 = ROW(i + 7);
        double s0[8] = {0}, s1[8] = {0}, s2[8] = {0}, s3[8] = {0}, s4[8] = {0},
               s5[8] = {0}, s6[8] = {0}, s7[8] = {0};
        const REAL *later0 = ROW(i + ahead), *later1 = ROW(i + ahead + 1),
                   *later2 = ROW(i + ahead + 2), *later3 = ROW(i + ahead + 3);
        const double *v = first;
        for (Py_ssize_t j = 0; j < d; j = j ? j + 8 : head, v = w + j) {
            if (ahead) {
                PREFETCH(later0 + j);
                PREFETCH(later1 + j);
                PREFETCH(later2 + j);
                PREFETCH(later3 + j);
            }
            SIMD
            for (int k = 0; k < 8; k++) {
                s0[k] += x0[j + k] * v[k];
                s1[k] += x1[j + k] * v[k];
                s2[k] += x2[j + k] * v[k];
                s3[k] += x3[j + k] * v[k];
                s4[k] += x4[j + k] * v[k];
                s5[k] += x5[j + k] * v[k];
                s6[k] += x6[j + k] * v[k];
                s7[k] += x7[j + k] * v[k];
            }
        }
        double *out = z + i * stride;
        out[0] = fold(s0, 8), out[stride] = fold(s1, 8);
        out[2 * stride] = fold(s2, 8), out[3 * stride] = fold(s3, 8);
        out += 4 * stride;
        out[0] = fold(s4, 8), out[stride] = fold(s5, 8);
        out[2 * stride] = fold(s6, 8), out[3 * stride] = fold(s7, 8);
    }
    for (; i < n; i++) {
        const REAL *RESTRICT x = ROW(i);
        double s[8] = {0};
        const double *v = first;
        for (Py_ssize_t j = 0; j < d; j = j ? j + 8 : head, v = w + j) {
            SIMD
            for (int k = 0; k < 8; k++) s[k] += x[j + k] * v[k];
        }
        z[i * stride] = fold(s, 8);
    }
}

/* g += sum_i r_i x_i; asks for the half of the rows that `dot` leaves out. */
CLONES static void NAME(add)(const REAL *RESTRICT X, Py_ssize_t d,
                             const Py_ssize_t *RESTRICT rows, Py_ssize_t n,
                             const double *RESTRICT r, Py_ssize_t stride,
                             double *RESTRICT g, Py_ssize_t ahead)
{
    const Py_ssize_t block = ahead ? 4 * NAME(LINE) : d;
    Py_ssize_t i = 0;
    for (; i + 4 <= n; i += 4) {
        const REAL *RESTRICT x0 = ROW(i), *RESTRICT x1 = ROW(i + 1),
                   *RESTRICT x2 = ROW(i + 2), *RESTRICT x3 = ROW(i + 3);
        const Py_ssize_t left = i + ahead + 4 - i % 8 / 2; /* 4, 5; then 6, 7 of eight */
        const REAL *later0 = ROW(left), *later1 = ROW(left + 1);
        const double *q = r + i * stride;
        const double r0 = q[0], r1 = q[stride], r2 = q[2 * stride], r3 = q[3 * stride];
        /* Spread over the sums, the requests wait for memory while the sums go on. */
        for (Py_ssize_t begin = 0; begin < d; begin += block) {
            const Py_ssize_t end = begin + block < d ? begin + block : d;
            if (ahead) {
                FETCH(later0, begin, end);
                FETCH(later1, begin, end);
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
    const Py_ssize_t last = d - 8; /* A last eight that overlaps leaves no tail. */
    for (Py_ssize_t i = 0; i < n; i++, out += width) {
        const REAL *RESTRICT x = ROW(i), *later = ROW(i + ahead);
        FETCH(later, 0, d);
        PREFETCH(later + d - 1);
        if (last < 0) {
            for (int k = 0; k < d; k++) out[k] = x[k];
            continue;
        }
        for (Py_ssize_t j = 0; j < last; j += 8) {
            SIMD
            for (int k = 0; k < 8; k++) out[j + k] = x[j + k];
        }
        SIMD
        for (int k = 0; k < 8; k++) out[last + k] = x[last + k];
    }
}

/* Write n rows as they are seen, and a 1 behind each if width > d. */
CLONES static void NAME(see)(const REAL *RESTRICT X, Py_ssize_t d,
                             const Py_ssize_t *RESTRICT rows, Py_ssize_t n,
                             const double *RESTRICT centre,
                             const double *RESTRICT inverse_scale,
                             double *RESTRICT out, Py_ssize_t width)
{
    for (Py_ssize_t i = 0; i < n; i++, out += width) {
        const REAL *RESTRICT x = ROW(i), *later = ROW(i + 16 < n ? i + 16 : i);
        FETCH(later, 0, d);
        SIMD
        for (Py_ssize_t j = 0; j < d; j++) out[j] = SEEN(j);
        if (width > d) out[d] = 1;
    }
}

/* x . w of one row as it is seen, with sums enough to hide an addition's latency. */
CLONES static double NAME(dot_one)(const REAL *RESTRICT x, const double *RESTRICT centre,
                                   const double *RESTRICT inverse_scale,
                                   const double *RESTRICT w, Py_ssize_t d)
{
    double s[32] = {0}, t[8] = {0}, rest = 0;
    Py_ssize_t j = 0;
    for (; j + 32 <= d; j += 32) {
        SIMD
        for (int k = 0; k < 32; k++) s[k] += SEEN(j + k) * w[j + k];
    }
    for (; j + 8 <= d; j += 8) {
        SIMD
        for (int k = 0; k < 8; k++) t[k] += SEEN(j + k) * w[j + k];
    }
    if (d < 8)
        for (; j < d; j++) rest += SEEN(j) * w[j];
    else if (j < d) { /* A last eight, of which only what is new counts. */
        const int known = (int)(j - (d - 8));
        SIMD
        for (int k = 0; k < 8; k++)
            t[k] += k < known ? 0 : SEEN(d - 8 + k) * w[d - 8 + k];
    }
    return fold(s, 32) + (fold(t, 8) + rest);
}

/* g = r x + penalty w, x as it is seen; returns 1/2 sum penalty w^2 */
CLONES static double NAME(pull_one)(const REAL *RESTRICT x,
                                    const double *RESTRICT centre,
                                    const double *RESTRICT inverse_scale,
                                    const double *RESTRICT w,
                                    const double *RESTRICT penalty, Py_ssize_t d,
                                    double r, double *RESTRICT g)
{
    double s[8] = {0}, rest = 0;
    Py_ssize_t j = 0;
    for (; j + 8 <= d; j += 8) {
        SIMD
        for (int k = 0; k < 8; k++) {
            const double pull = penalty[j + k] * w[j + k];
            g[j + k] = r * SEEN(j + k) + pull;
            s[k] += pull * w[j + k];
        }
    }
    if (d < 8)
        for (; j < d; j++) {
            const double pull = penalty[j] * w[j];
            g[j] = r * SEEN(j) + pull;
            rest += pull * w[j];
        }
    else if (j < d) {
        const int known = (int)(j - (d - 8));
        j = d - 8;
        SIMD
        for (int k = 0; k < 8; k++) {
            const double pull = penalty[j + k] * w[j + k];
            g[j + k] = r * SEEN(j + k) + pull;
            s[k] += k < known ? 0 : pull * w[j + k];
        }
    }
    return 0.5 * (fold(s, 8) + rest);
}

#undef SEEN
#undef FETCH
#undef ROW
