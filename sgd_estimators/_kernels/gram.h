/* Included by gram.pyx: the products of rows, eight columns by eight at a time. */
#ifndef SGD_ESTIMATORS_GRAM_H
#define SGD_ESTIMATORS_GRAM_H
#include "simd.h"

/* H_jk += sum_i a_ij b_ik, in squares of eight on and below the diagonal; `width`, a
   multiple of 8, counts the doubles from one row to the next. */
CLONES static void add_products(const double *RESTRICT A, const double *RESTRICT B,
                                Py_ssize_t n, Py_ssize_t width, double *RESTRICT H)
{
    for (Py_ssize_t begin = 0; begin < width; begin += 8)
        for (Py_ssize_t j = 0; j <= begin; j += 8) {
            const double *a = A + begin, *b = B + j;
            double s0[8] = {0}, s1[8] = {0}, s2[8] = {0}, s3[8] = {0}, s4[8] = {0},
                   s5[8] = {0}, s6[8] = {0}, s7[8] = {0};
            for (Py_ssize_t i = 0; i < n; i++, a += width, b += width) {
                SIMD
                for (int k = 0; k < 8; k++) {
                    s0[k] += a[0] * b[k];
                    s1[k] += a[1] * b[k];
                    s2[k] += a[2] * b[k];
                    s3[k] += a[3] * b[k];
                    s4[k] += a[4] * b[k];
                    s5[k] += a[5] * b[k];
                    s6[k] += a[6] * b[k];
                    s7[k] += a[7] * b[k];
                }
            }
            double *h = H + begin * width + j;
            SIMD
            for (int k = 0; k < 8; k++) {
                h[k] += s0[k];
                h[width + k] += s1[k];
                h[2 * width + k] += s2[k];
                h[3 * width + k] += s3[k];
                h[4 * width + k] += s4[k];
                h[5 * width + k] += s5[k];
                h[6 * width + k] += s6[k];
                h[7 * width + k] += s7[k];
            }
        }
}

/* out += a' B a of eight rows a at a time: `turned` holds their `width` columns, eight
   numbers each, and `lower` for every eight rows of B the columns up to the diagonal. */
CLONES static void add_forms(const double *RESTRICT turned, const double *RESTRICT lower,
                             Py_ssize_t eights, Py_ssize_t width, double *RESTRICT out)
{
    for (Py_ssize_t j = 0; j < width; lower += 8 * (j + 8), j += 8)
        for (Py_ssize_t i = 0; i < eights; i++) {
            const double *a = turned + 8 * width * i, *own = a + 8 * j, *b = lower;
            double s0[8] = {0}, s1[8] = {0}, s2[8] = {0}, s3[8] = {0}, s4[8] = {0},
                   s5[8] = {0}, s6[8] = {0}, s7[8] = {0};
            for (Py_ssize_t k = 0; k < j + 8; k++, a += 8, b += 8) {
                SIMD
                for (int q = 0; q < 8; q++) {
                    s0[q] += b[0] * a[q];
                    s1[q] += b[1] * a[q];
                    s2[q] += b[2] * a[q];
                    s3[q] += b[3] * a[q];
                    s4[q] += b[4] * a[q];
                    s5[q] += b[5] * a[q];
                    s6[q] += b[6] * a[q];
                    s7[q] += b[7] * a[q];
                }
            }
            SIMD
            for (int q = 0; q < 8; q++)
                out[8 * i + q] += s0[q] * own[q] + s1[q] * own[8 + q]
                                  + s2[q] * own[16 + q] + s3[q] * own[24 + q]
                                  + s4[q] * own[32 + q] + s5[q] * own[40 + q]
                                  + s6[q] * own[48 + q] + s7[q] * own[56 + q];
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
