/* Included by simd.h once for each REAL; `stride` counts the doubles from one row's z
   (or r) to the next one's, d the elements from one row of X to the next. */

#define ROW(i) (X + rows[i] * d)

/* z[i] = x_i . w */
CLONES static void NAME(dot)(const REAL *RESTRICT X, Py_ssize_t d,
                             const Py_ssize_t *RESTRICT rows, Py_ssize_t n,
                             const double *RESTRICT w, double *RESTRICT z,
                             Py_ssize_t stride)
{
    Py_ssize_t i = 0;
    for (; i + 8 <= n; i += 8) {
        const REAL *RESTRICT x0 = ROW(i), *RESTRICT x1 = ROW(i + 1),
                   *RESTRICT x2 = ROW(i + 2), *RESTRICT x3 = ROW(i + 3),
                   *RESTRICT x4 = ROW(i + 4), *RESTRICT x5 = ROW(i + 5),
                   *RESTRICT x6 = ROW(i + 6), *RESTRICT x7 = ROW(i + 7);
        double z0 = 0, z1 = 0, z2 = 0, z3 = 0, z4 = 0, z5 = 0, z6 = 0, z7 = 0;
        SIMD_SUM(z0, z1, z2, z3, z4, z5, z6, z7)
        for (Py_ssize_t j = 0; j < d; j++) {
            z0 += x0[j] * w[j];
            z1 += x1[j] * w[j];
            z2 += x2[j] * w[j];
            z3 += x3[j] * w[j];
            z4 += x4[j] * w[j];
            z5 += x5[j] * w[j];
            z6 += x6[j] * w[j];
            z7 += x7[j] * w[j];
        }
        double *out = z + i * stride;
        out[0] = z0, out[stride] = z1, out[2 * stride] = z2, out[3 * stride] = z3;
        out += 4 * stride;
        out[0] = z4, out[stride] = z5, out[2 * stride] = z6, out[3 * stride] = z7;
    }
    for (; i < n; i++) {
        const REAL *RESTRICT x = ROW(i);
        double sum = 0;
        SIMD_SUM(sum)
        for (Py_ssize_t j = 0; j < d; j++) sum += x[j] * w[j];
        z[i * stride] = sum;
    }
}

enum { NAME(LINE) = 64 / sizeof(REAL) };

/* Ask for the part of x from column begin to end. */
#define FETCH(x, begin, end)                                                       \
    for (Py_ssize_t k = begin; k < end; k += NAME(LINE)) PREFETCH((x) + k)

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
    const Py_ssize_t block = 8 * NAME(LINE);
    for (Py_ssize_t i = 0; i < n; i++, out += width) {
        const REAL *RESTRICT x = X + rows[i] * d, *later = X + rows[i + ahead] * d;
        /* Spread over the copy, the requests do not queue up. */
        for (Py_ssize_t begin = 0; begin < d; begin += block) {
            const Py_ssize_t end = begin + block < d ? begin + block : d;
            FETCH(later, begin, end);
            SIMD
            for (Py_ssize_t j = begin; j < end; j++) out[j] = x[j];
        }
        if (d) PREFETCH(later + d - 1);
    }
}

/* (x - centre) / scale . w */
CLONES static double NAME(dot_one)(const REAL *RESTRICT x, const double *RESTRICT centre,
                                   const double *RESTRICT inverse_scale, Py_ssize_t d,
                                   const double *RESTRICT w)
{
    double sum = 0;
    SIMD_SUM(sum)
    for (Py_ssize_t j = 0; j < d; j++) sum += (x[j] - centre[j]) * inverse_scale[j] * w[j];
    return sum;
}

/* g = r (x - centre) / scale + penalty w; returns 1/2 sum penalty w^2; asks for `later`. */
CLONES static double NAME(pull_one)(const REAL *RESTRICT x, const double *RESTRICT centre,
                                    const double *RESTRICT inverse_scale, Py_ssize_t d,
                                    const double *RESTRICT w,
                                    const double *RESTRICT penalty, double r,
                                    const REAL *later, double *RESTRICT g)
{
    double sum = 0;
    FETCH(later, 0, d);
    PREFETCH(later + d - 1);
    SIMD_SUM(sum)
    for (Py_ssize_t j = 0; j < d; j++) {
        const double pull = penalty[j] * w[j];
        g[j] = r * (x[j] - centre[j]) * inverse_scale[j] + pull;
        sum += pull * w[j];
    }
    return 0.5 * sum;
}

#undef FETCH
#undef ROW
