/* The loops over the non-zeros of a batch against U, `lanes` numbers a column and output:
   Y, then Z where there is a momentum, then S where there is an average. The coefficients
   are W = a Y + b Z. For AdaGrad they are W, the sum of the g^2, g, what makes g the
   gradient, and S. Included by csr.pyx once, and below for each type of entries. */
#ifndef REAL
#include <math.h>

#include "simd.h"

typedef struct {
    Py_ssize_t n_outputs;
    int lanes, momentum, averaged, penalised;
    double a, b;              /* W = a Y + b Z */
    double pull[3];           /* what a gradient of 1 adds to Y, Z and S; or rate, eps, and
                                 of how many iterates S is yet to be the sum */
    double squares[3];        /* the sums of Y^2, Y Z and Z^2, where penalised */
    const double *share;      /* factors of the columns' gradients, or NULL */
    double *U;
} Combined;

enum { ROWS_LATER = 8, AT_ONCE = 64 };

/* u += g move, and what that adds to the squares. */
ALWAYS_INLINE void add(double *u, double g, const double *move, const int momentum,
                       const int averaged, const int penalised, double *squares)
{
    const double dy = g * move[0], y = u[0], new_y = y + dy;
    u[0] = new_y;
    if (penalised) squares[0] += dy * (y + new_y);
    if (momentum) {
        const double dz = g * move[1], z = u[1], new_z = z + dz;
        u[1] = new_z;
        if (penalised) {
            squares[1] += dy * z + dz * new_y;
            squares[2] += dz * (z + new_z);
        }
    }
    if (averaged) u[1 + momentum] += g * move[2];
}

#define REAL double
#define INDEX int
#define NAME(stem) stem##_f64_i32
#include "combined.h"
#undef INDEX
#undef NAME
#define INDEX long long
#define NAME(stem) stem##_f64_i64
#include "combined.h"
#undef REAL
#undef INDEX
#undef NAME
#define REAL float
#define INDEX int
#define NAME(stem) stem##_f32_i32
#include "combined.h"
#undef INDEX
#undef NAME
#define INDEX long long
#define NAME(stem) stem##_f32_i64
#include "combined.h"
#undef REAL
#undef INDEX
#undef NAME

#else

/* Ask for the entries of a row that comes later. */
ALWAYS_INLINE void NAME(ask)(const REAL *x, const INDEX *indices, const INDEX *indptr,
                             Py_ssize_t row)
{
    ASK((const char *)(x + indptr[row]), (const char *)(x + indptr[row + 1]));
    ASK((const char *)(indices + indptr[row]), (const char *)(indices + indptr[row + 1]));
}

/* Return sum_p x_p w_p for one output, four sums at once. */
ALWAYS_INLINE double NAME(score_one)(const REAL *RESTRICT x, const INDEX *RESTRICT at,
                                     Py_ssize_t n, const double *RESTRICT U,
                                     Py_ssize_t stride, const int momentum, double a,
                                     double b)
{
    double y[4] = {0}, z[4] = {0};
    Py_ssize_t p = 0;
    for (; p + 4 <= n; p += 4)
        for (int k = 0; k < 4; k++) {
            const double *u = U + at[p + k] * stride;
            y[k] += x[p + k] * u[0];
            if (momentum) z[k] += x[p + k] * u[1];
        }
    for (; p < n; p++) {
        const double *u = U + at[p] * stride;
        y[0] += x[p] * u[0];
        if (momentum) z[0] += x[p] * u[1];
    }
    return a * ((y[0] + y[1]) + (y[2] + y[3])) + b * ((z[0] + z[1]) + (z[2] + z[3]));
}

/* Z <- X W', n x K. */
CLONES static void NAME(score)(const REAL *x, const INDEX *indices,
                                    const INDEX *indptr, const Py_ssize_t *batch,
                                    Py_ssize_t n, const Combined *c, double *Z)
{
    const Py_ssize_t K = c->n_outputs, stride = K * c->lanes;
    for (Py_ssize_t i = 0; i < n; i++) {
        const Py_ssize_t begin = indptr[batch[i]], m = indptr[batch[i] + 1] - begin;
        NAME(ask)(x, indices, indptr, batch[i + ROWS_LATER]);
        for (Py_ssize_t k = 0; k < K; k++) {
            const double *U = c->U + k * c->lanes;
            const REAL *xi = x + begin;
            const INDEX *at = indices + begin;
            Z[i * K + k]
                = c->momentum ? NAME(score_one)(xi, at, m, U, stride, 1, c->a, c->b)
                  : stride == 1 ? NAME(score_one)(xi, at, m, U, 1, 0, c->a, 0)
                                : NAME(score_one)(xi, at, m, U, stride, 0, c->a, 0);
        }
    }
}

/* U += r x pull' for one output; two sums of squares at once. */
ALWAYS_INLINE void NAME(pull_one)(const REAL *RESTRICT x, const INDEX *RESTRICT at,
                                  Py_ssize_t n, double *RESTRICT U, Py_ssize_t stride,
                                  const int momentum, const int averaged,
                                  const int penalised, const double *RESTRICT share,
                                  double r, const double *pull, double *squares)
{
    const double move[3] = {r * pull[0], r * pull[1], r * pull[2]};
    double even[3] = {0}, odd[3] = {0};
    Py_ssize_t p = 0;
    for (; p + 2 <= n; p += 2) {
        const double g = share ? x[p] * share[at[p]] : x[p],
                     h = share ? x[p + 1] * share[at[p + 1]] : x[p + 1];
        add(U + at[p] * stride, g, move, momentum, averaged, penalised, even);
        add(U + at[p + 1] * stride, h, move, momentum, averaged, penalised, odd);
    }
    if (p < n)
        add(U + at[p] * stride, share ? x[p] * share[at[p]] : x[p], move, momentum,
            averaged, penalised, even);
    for (int i = 0; penalised && i < 3; i++) squares[i] += even[i] + odd[i];
}

/* A loop for each kind, without a branch in it. */
#define PULL(stride, momentum, averaged)                                              \
    do {                                                                              \
        if (c->penalised)                                                             \
            NAME(pull_one)(xi, at, m, U, stride, momentum, averaged, 1, NULL, r,      \
                           c->pull, c->squares);                                      \
        else if (c->share)                                                            \
            NAME(pull_one)(xi, at, m, U, stride, momentum, averaged, 0, c->share, r,  \
                           c->pull, c->squares);                                      \
        else                                                                          \
            NAME(pull_one)(xi, at, m, U, stride, momentum, averaged, 0, NULL, r,      \
                           c->pull, c->squares);                                      \
    } while (0)

/* U moves by the gradients of n rows, whose slopes are Z. */
CLONES static void NAME(pull)(const REAL *x, const INDEX *indices,
                                   const INDEX *indptr, const Py_ssize_t *batch,
                                   Py_ssize_t n, const double *Z, Combined *c)
{
    const Py_ssize_t K = c->n_outputs, stride = K * c->lanes;
    for (Py_ssize_t i = 0; i < n; i++) {
        const Py_ssize_t begin = indptr[batch[i]], m = indptr[batch[i] + 1] - begin;
        for (Py_ssize_t k = 0; k < K; k++) {
            const double r = Z[i * K + k];
            const REAL *xi = x + begin;
            const INDEX *at = indices + begin;
            double *U = c->U + k * c->lanes;
            if (stride == 1)
                PULL(1, 0, 0);
            else if (c->momentum && c->averaged)
                PULL(stride, 1, 1);
            else if (c->momentum)
                PULL(stride, 1, 0);
            else if (c->averaged)
                PULL(stride, 0, 1);
            else
                PULL(stride, 0, 0);
        }
    }
}

#undef PULL

/* U moves by AdaGrad, along the gradient of n rows whose slopes are Z: once a column. */
CLONES static void NAME(adapt)(const REAL *x, const INDEX *indices, const INDEX *indptr,
                               const Py_ssize_t *batch, Py_ssize_t n, const double *Z,
                               const Combined *c)
{
    const Py_ssize_t K = c->n_outputs, stride = K * c->lanes;
    const double rate = c->pull[0], eps = c->pull[1], left = c->pull[2];
    for (Py_ssize_t i = 0; i < n; i++)
        for (Py_ssize_t k = 0; k < K; k++) {
            const double r = Z[i * K + k];
            double *U = c->U + k * c->lanes;
            for (INDEX p = indptr[batch[i]]; p < indptr[batch[i] + 1]; p++)
                U[indices[p] * stride + 2] += r * x[p];
        }
    for (Py_ssize_t i = 0; i < n; i++)
        for (Py_ssize_t k = 0; k < K; k++) {
            const Py_ssize_t end = indptr[batch[i] + 1];
            for (Py_ssize_t p = indptr[batch[i]]; p < end; p += AT_ONCE) {
                const Py_ssize_t stop = end - p < AT_ONCE ? end : p + AT_ONCE;
                double *found[AT_ONCE], g[AT_ONCE], s[AT_ONCE];
                int m = 0; /* columns that no row before has moved */
                for (Py_ssize_t q = p; q < stop; q++) {
                    double *u = c->U + indices[q] * stride + k * c->lanes;
                    found[m] = u, g[m] = u[2] * u[3], s[m] = u[1];
                    m += u[2] != 0;
                    u[2] = 0;
                }
                SIMD
                for (int q = 0; q < m; q++) {
                    s[q] += g[q] * g[q];
                    g[q] *= rate / (sqrt(s[q]) + eps);
                }
                for (int q = 0; q < m; q++) {
                    double *u = found[q];
                    g[q] *= u[3];
                    u[0] -= g[q], u[1] = s[q];
                    if (c->averaged) u[4] -= left * g[q];
                }
            }
        }
}
#endif
