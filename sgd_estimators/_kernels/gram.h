/* Included by gram.pyx: the products of rows, eight columns by eight at a time. */
#ifndef SGD_ESTIMATORS_GRAM_H
#define SGD_ESTIMATORS_GRAM_H
#include "simd.h"

/* Eight rows of eight sums fill the registers of AVX-512; others hold four. */
#if defined(__AVX512F__)
#define WIDE 1
#elif defined(TARGETS)
#define WIDE __builtin_cpu_supports("avx512f")
#else
#define WIDE 0
#endif

/* Does something with 2, 4 or 8 rows of sums, each of which is a name: s0, s1, ... */
#define TWO(DO) DO(0) DO(1)
#define FOUR(DO) TWO(DO) DO(2) DO(3)
#define EIGHT(DO) FOUR(DO) DO(4) DO(5) DO(6) DO(7)
#define ZERO(r) double s##r[8] = {0};
#define ADD_ROW(r) s##r[k] += a[r] * b[k];
#define STORE_ROW(r) h[r * width + k] += s##r[k];
#define ADD_OUTER(ROWS)                                                            \
    do {                                                                           \
        ROWS(ZERO)                                                                 \
        for (Py_ssize_t i = 0; i < n; i++, a += width, b += width) {               \
            SIMD                                                                   \
            for (int k = 0; k < 8; k++) { ROWS(ADD_ROW) }                          \
        }                                                                          \
        SIMD                                                                       \
        for (int k = 0; k < 8; k++) { ROWS(STORE_ROW) }                            \
    } while (0)

/* H_jk += sum_i a_ij b_ik, in squares of eight on and below the diagonal, for j < size;
   `width`, a multiple of 8, counts the doubles from one row to the next. */
CLONES static void add_products(const double *RESTRICT A, const double *RESTRICT B,
                                Py_ssize_t n, Py_ssize_t width, Py_ssize_t size,
                                double *RESTRICT H)
{
    const Py_ssize_t most = WIDE ? 8 : 4;
    for (Py_ssize_t j = 0, rows; j < size; j += rows) {
        rows = size - j <= 2 ? 2 : size - j <= 4 ? 4 : most;
        for (Py_ssize_t k = 0; k <= j; k += 8) {
            const double *a = A + j, *b = B + k;
            double *h = H + j * width + k;
            if (rows == 8) ADD_OUTER(EIGHT);
            else if (rows == 4) ADD_OUTER(FOUR);
            else ADD_OUTER(TWO);
        }
    }
}

#define ADD_FORM(r) s##r[k] += b[r] * a[k];
#define STORE_FORM(r) out[8 * i + k] += s##r[k] * own[8 * r + k];
#define ADD_FORMS(ROWS)                                                            \
    do {                                                                           \
        ROWS(ZERO)                                                                 \
        for (Py_ssize_t c = 0; c < j + 8; c++, a += 8, b += 8) {                   \
            SIMD                                                                   \
            for (int k = 0; k < 8; k++) { ROWS(ADD_FORM) }                         \
        }                                                                          \
        SIMD                                                                       \
        for (int k = 0; k < 8; k++) { ROWS(STORE_FORM) }                           \
    } while (0)

/* out += a' B a of eight rows a at a time: `turned` holds their `width` columns, eight
   numbers each, and `lower` for every eight rows of B the columns up to the diagonal. */
CLONES static void add_forms(const double *RESTRICT turned, const double *RESTRICT lower,
                             Py_ssize_t eights, Py_ssize_t width, double *RESTRICT out)
{
    for (Py_ssize_t j = 0; j < width; lower += 8 * (j + 8), j += 8)
        for (Py_ssize_t i = 0; i < eights; i++) {
            const double *a = turned + 8 * width * i, *own = a + 8 * j, *b = lower;
            if (WIDE) {
                ADD_FORMS(EIGHT);
                continue;
            }
            ADD_FORMS(FOUR);
            a = turned + 8 * width * i, own += 32, b = lower + 4;
            ADD_FORMS(FOUR);
        }
}

/* B = s A, row by row */
CLONES static void weigh_rows(const double *RESTRICT A, const double *RESTRICT s,
                              Py_ssize_t n, Py_ssize_t width, double *RESTRICT B)
{
    for (Py_ssize_t i = 0; i < n; i++, A += width, B += width) {
        SIMD
        for (Py_ssize_t j = 0; j < width; j++) B[j] = s[i] * A[j];
    }
}
#endif
