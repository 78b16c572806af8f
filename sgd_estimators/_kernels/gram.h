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
