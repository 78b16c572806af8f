/* Included by simd.h once for each REAL; d counts the elements from one row of X to the
   next, width the doubles from one output's coefficients to the next one's. */

enum { NAME(LINE) = 64 / sizeof(REAL) }; /* elements of a cache line */
enum { NAME(ROWS) = 16 / NAME(LINE) }; /* that share a reading of a few outputs' w */

#define ROW(i) (X + rows[i] * d)
#define SEEN(j) ((x[j] - centre[j]) * inverse_scale[j])

/* Ask for the part of x from column begin to end. */
#define FETCH(x, begin, end)                                                       \
    for (Py_ssize_t k = begin; k < end; k += NAME(LINE)) PREFETCH((x) + k)

/* z[i] = x_i . w, in eight partial sums a row; d is at least 8.
   The first eight are cut short, by zeros behind, so that the others have no remainder.
   If `ahead`, asks for half of the rows that stand so many places later. */
CLONES static void NAME(dot_output)(const REAL *RESTRICT X, Py_ssize_t d,
                                    const Py_ssize_t *RESTRICT rows, Py_ssize_t n,
                                    const double *RESTRICT w, double *RESTRICT z,
                                    Py_ssize_t ahead)
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
        z[i] = fold(s0, 8), z[i + 1] = fold(s1, 8);
        z[i + 2] = fold(s2, 8), z[i + 3] = fold(s3, 8);
        z[i + 4] = fold(s4, 8), z[i + 5] = fold(s5, 8);
        z[i + 6] = fold(s6, 8), z[i + 7] = fold(s7, 8);
    }
    for (; i < n; i++) {
        const REAL *RESTRICT x = ROW(i);
        double s[8] = {0};
        const double *v = first;
        for (Py_ssize_t j = 0; j < d; j = j ? j + 8 : head, v = w + j) {
            SIMD
            for (int k = 0; k < 8; k++) s[k] += x[j + k] * v[k];
        }
        z[i] = fold(s, 8);
    }
}

/* g += sum_i r_i x_i; asks for the half of the rows that `dot_output` leaves out. */
CLONES static void NAME(add_output)(const REAL *RESTRICT X, Py_ssize_t d,
                                    const Py_ssize_t *RESTRICT rows, Py_ssize_t n,
                                    const double *RESTRICT r, double *RESTRICT g,
                                    Py_ssize_t ahead)
{
    const Py_ssize_t block = ahead ? 4 * NAME(LINE) : d;
    Py_ssize_t i = 0;
    for (; i + 4 <= n; i += 4) {
        const REAL *RESTRICT x0 = ROW(i), *RESTRICT x1 = ROW(i + 1),
                   *RESTRICT x2 = ROW(i + 2), *RESTRICT x3 = ROW(i + 3);
        const Py_ssize_t left = i + ahead + 4 - i % 8 / 2; /* 4, 5; then 6, 7 of eight */
        const REAL *later0 = ROW(left), *later1 = ROW(left + 1);
        const double r0 = r[i], r1 = r[i + 1], r2 = r[i + 2], r3 = r[i + 3];
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
        const double ri = r[i];
        if (ahead) {
            FETCH(ROW(i + ahead), 0, d);
            PREFETCH(ROW(i + ahead) + d - 1);
        }
        SIMD
        for (Py_ssize_t j = 0; j < d; j++) g[j] += ri * x[j];
    }
}

/* The same of short rows, of 8 elements at least: sums over eight columns stay in registers
   for all rows. A last eight may overlap: only what is new in it counts. */
CLONES static void NAME(add_short)(const REAL *RESTRICT X, Py_ssize_t d,
                                   const Py_ssize_t *RESTRICT rows, Py_ssize_t n,
                                   const double *RESTRICT r, double *RESTRICT g,
                                   Py_ssize_t ahead)
{
    for (Py_ssize_t begin = 0; begin < d; begin += 8) {
        const Py_ssize_t j = begin + 8 <= d ? begin : d - 8, known = begin - j;
        double s[8] = {0}, t[8] = {0};
        Py_ssize_t i = 0;
        for (; i + 4 <= n; i += 4) {
            const REAL *RESTRICT x0 = ROW(i) + j, *RESTRICT x1 = ROW(i + 1) + j,
                       *RESTRICT x2 = ROW(i + 2) + j, *RESTRICT x3 = ROW(i + 3) + j;
            const Py_ssize_t left = i + ahead + 4 - i % 8 / 2; /* as above */
            PREFETCH(ROW(left) + begin);
            PREFETCH(ROW(left + 1) + begin);
            SIMD
            for (int k = 0; k < 8; k++) {
                s[k] += r[i] * x0[k] + r[i + 1] * x1[k];
                t[k] += r[i + 2] * x2[k] + r[i + 3] * x3[k];
            }
        }
        for (; i < n; i++) {
            const REAL *RESTRICT x = ROW(i) + j;
            PREFETCH(ROW(i + ahead) + begin);
            SIMD
            for (int k = 0; k < 8; k++) s[k] += r[i] * x[k];
        }
        SIMD
        for (int k = 0; k < 8; k++) g[j + k] += k < known ? 0 : s[k] + t[k];
    }
}

/* z_ic = x_i . w_c for a few outputs, K doubles from one row's z to the next one's: each
   number of X is read, and converted, once for all of them. In `turns` calls, of which
   this is one, the rows that stand `ahead` places later are all asked for. */
ALWAYS_INLINE void NAME(dot_few)(const REAL *RESTRICT X, Py_ssize_t d,
                                 const Py_ssize_t *RESTRICT rows, Py_ssize_t n,
                                 const double *RESTRICT w, Py_ssize_t width, int few,
                                 double *RESTRICT z, Py_ssize_t K, Py_ssize_t ahead,
                                 Py_ssize_t turn, Py_ssize_t turns)
{
    enum { LINE = NAME(LINE), ROWS = NAME(ROWS) };
    const Py_ssize_t head = (d - 1) % LINE + 1; /* as above */
    double first[FEW][LINE];
    for (int c = 0; c < few; c++)
        for (int k = 0; k < LINE; k++) first[c][k] = k < head ? w[c * width + k] : 0;
    for (Py_ssize_t i = 0; i < n; i += ROWS) {
        const int asks = ahead && i / ROWS % turns == turn;
        const REAL *x[ROWS], *later[ROWS];
        const double *v[FEW];
        double s[ROWS][FEW][LINE] = {0};
        for (int r = 0; r < ROWS; r++) {
            x[r] = ROW(i + r < n ? i + r : i);
            later[r] = ROW(i + ahead + r);
        }
        for (Py_ssize_t j = 0; j < d; j = j ? j + LINE : head) {
            for (int c = 0; c < few; c++) v[c] = j ? w + c * width + j : first[c];
            for (int r = 0; r < ROWS; r++) {
                if (asks) PREFETCH(later[r] + j);
                for (int c = 0; c < few; c++) {
                    SIMD
                    for (int k = 0; k < LINE; k++) s[r][c][k] += x[r][j + k] * v[c][k];
                }
            }
        }
        for (int r = 0; r < ROWS && i + r < n; r++)
            for (int c = 0; c < few; c++) z[(i + r) * K + c] = fold(s[r][c], LINE);
    }
}

/* a_c += sum_i z_ic x_i for a few outputs, whose sums over a line of columns stay in
   registers for all rows; takes the rest of the turns. */
ALWAYS_INLINE void NAME(add_few)(const REAL *RESTRICT X, Py_ssize_t d,
                                 const Py_ssize_t *RESTRICT rows, Py_ssize_t n,
                                 const double *RESTRICT z, Py_ssize_t K, int few,
                                 double *RESTRICT a, Py_ssize_t width, Py_ssize_t ahead,
                                 Py_ssize_t turn, Py_ssize_t turns)
{
    enum { LINE = NAME(LINE), ROWS = NAME(ROWS) };
    for (Py_ssize_t begin = 0; begin < d; begin += LINE) {
        /* A last line that overlaps leaves no tail; only what is new in it counts. */
        const Py_ssize_t j = begin + LINE <= d ? begin : d - LINE, known = begin - j;
        double s[FEW][LINE];
        if (ahead)
            for (Py_ssize_t i = turn * ROWS; i < n; i += turns * ROWS)
                for (int r = 0; r < ROWS; r++) PREFETCH(ROW(i + ahead + r) + begin);
        for (int c = 0; c < few; c++) {
            SIMD
            for (int k = 0; k < LINE; k++) s[c][k] = a[c * width + j + k];
        }
        for (Py_ssize_t i = 0; i < n; i++) {
            const REAL *RESTRICT x = ROW(i) + j;
            for (int c = 0; c < few; c++) {
                const double r = z[i * K + c];
                SIMD
                for (int k = 0; k < LINE; k++) s[c][k] += r * x[k];
            }
        }
        for (int c = 0; c < few; c++) {
            double *out = a + c * width + j;
            SIMD
            for (int k = 0; k < LINE; k++) out[k] = k < known ? out[k] : s[c][k];
        }
    }
}

/* Call a function of a few outputs, a constant in each call, for all K of them. */
#define EACH_FEW(CALL)                                                             \
    const Py_ssize_t calls = (K + FEW - 1) / FEW;                                  \
    for (Py_ssize_t k = 0, t = 0, few; t < calls; k += few, t++) {                 \
        few = (K - k + calls - t - 1) / (calls - t);                               \
        if (few == 2) CALL(2);                                                     \
        else if (few == 3) CALL(3);                                                \
        else CALL(4);                                                              \
    }

CLONES static void NAME(dot_outputs)(const REAL *RESTRICT X, Py_ssize_t d,
                                     const Py_ssize_t *RESTRICT rows, Py_ssize_t n,
                                     const double *RESTRICT W, Py_ssize_t width,
                                     Py_ssize_t K, double *RESTRICT Z, Py_ssize_t ahead)
{
#define DOT(few)                                                                   \
    NAME(dot_few)(X, d, rows, n, W + k * width, width, few, Z + k, K, ahead, t, 2 * calls)
    EACH_FEW(DOT)
#undef DOT
}

CLONES static void NAME(add_outputs)(const REAL *RESTRICT X, Py_ssize_t d,
                                     const Py_ssize_t *RESTRICT rows, Py_ssize_t n,
                                     const double *RESTRICT Z, Py_ssize_t K,
                                     double *RESTRICT A, Py_ssize_t width,
                                     Py_ssize_t ahead)
{
#define ADD(few)                                                                   \
    NAME(add_few)(X, d, rows, n, Z + k, K, few, A + k * width, width, ahead,       \
                  calls + t, 2 * calls)
    EACH_FEW(ADD)
#undef ADD
}
#undef EACH_FEW

/* Z = X W' for n x K scores. */
static inline void NAME(dot)(const REAL *X, Py_ssize_t d, const Py_ssize_t *rows,
                             Py_ssize_t n, const double *W, Py_ssize_t width,
                             Py_ssize_t K, double *Z, Py_ssize_t ahead)
{
    if (K == 1)
        NAME(dot_output)(X, d, rows, n, W, Z, ahead);
    else
        NAME(dot_outputs)(X, d, rows, n, W, width, K, Z, ahead);
}

/* A += Z' X */
static inline void NAME(add)(const REAL *X, Py_ssize_t d, const Py_ssize_t *rows,
                             Py_ssize_t n, const double *Z, Py_ssize_t K, double *A,
                             Py_ssize_t width, Py_ssize_t ahead)
{
    if (K == 1)
        NAME(add_output)(X, d, rows, n, Z, A, ahead);
    else
        NAME(add_outputs)(X, d, rows, n, Z, K, A, width, ahead);
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

/* Write rows of any strides, (x - centre) factor, into rows of `width` doubles: along the
   columns where these lie together. */
CLONES static void NAME(see)(const REAL *X, Py_ssize_t to_row, Py_ssize_t to_column,
                             const Py_ssize_t *RESTRICT rows, Py_ssize_t n, Py_ssize_t d,
                             const double *RESTRICT centre,
                             const double *RESTRICT inverse_scale, double *RESTRICT out,
                             Py_ssize_t width)
{
    if (to_column != 1) {
        for (Py_ssize_t j = 0; j < d; j++) {
            const REAL *RESTRICT column = X + j * to_column;
            for (Py_ssize_t i = 0; i < n; i++)
                out[i * width + j]
                    = (column[rows[i] * to_row] - centre[j]) * inverse_scale[j];
        }
        return;
    }
    for (Py_ssize_t i = 0; i < n; i++, out += width) {
        const REAL *RESTRICT x = X + rows[i] * to_row,
                             *later = X + rows[i + 16 < n ? i + 16 : i] * to_row;
        FETCH(later, 0, d);
        SIMD
        for (Py_ssize_t j = 0; j < d; j++) out[j] = SEEN(j);
    }
}

/* Copy n rows of any strides, row by row; return the sum of their numbers, which tells
   whether all are finite. A line of columns at a time is written, and read in as many
   streams, over rows that are still in the cache when the next columns come. */
CLONES static double NAME(lay_out)(const REAL *X, Py_ssize_t to_row, Py_ssize_t to_column,
                                   Py_ssize_t n, Py_ssize_t d, REAL *RESTRICT out)
{
    enum { LINE = NAME(LINE), TILE = 128 };
    double sums[LINE] = {0};
    for (Py_ssize_t i = 0; i < n; i += TILE) {
        const Py_ssize_t rows = n - i < TILE ? n - i : TILE;
        for (Py_ssize_t j = 0; j < d; j += LINE) {
            const REAL *x = X + i * to_row + j * to_column;
            REAL *to = out + i * d + j;
            for (Py_ssize_t r = 0; r < rows; r++, x += to_row, to += d) {
                if (j + LINE > d) {
                    for (Py_ssize_t c = 0; c < d - j; c++)
                        sums[c] += to[c] = x[c * to_column];
                    continue;
                }
                for (int c = 0; c < LINE; c++) to[c] = x[c * to_column];
                SIMD
                for (int c = 0; c < LINE; c++) sums[c] += to[c];
            }
        }
    }
    return fold(sums, LINE);
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

#include "moments.h"

#undef SEEN
#undef FETCH
#undef ROW
