/* The dense inner loops, for float and double rows and double coefficients.

   Plain C that compilers vectorise: `omp simd` lets them reorder a sum (it needs no
   OpenMP runtime), and on glibc x86 the loader picks the widest clone that the machine
   has.  Of one output, eight rows share a reading of w, and four one of g, where more of
   them would wait for the rows that are asked for meanwhile; of several, up to FEW share
   a reading of a row. */
#ifndef SGD_ESTIMATORS_SIMD_H
#define SGD_ESTIMATORS_SIMD_H
#include <Python.h>

#if defined(__GNUC__)
#define SIMD _Pragma("omp simd")
#define SIMD_SUM(...) SIMD_PRAGMA(omp simd reduction(+ : __VA_ARGS__))
#define SIMD_PRAGMA(text) _Pragma(#text)
#define PREFETCH(address) __builtin_prefetch(address)
#define RESTRICT __restrict__
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#else
#define SIMD
#define SIMD_SUM(...)
#define PREFETCH(address) ((void)(address))
#define RESTRICT __restrict
#define ALWAYS_INLINE static __forceinline
#endif

#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__GLIBC__) \
    && __GNUC__ >= 12 && !defined(__SANITIZE_ADDRESS__)
#define TARGETS
#define CLONES                                                                     \
    __attribute__((unused, target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define CLONES
#endif

/* v = w / scale; the centre's share goes to the offset. */
CLONES static void to_stored(const double *RESTRICT w, const double *RESTRICT centre,
                             const double *RESTRICT inverse_scale, Py_ssize_t d,
                             double *RESTRICT v, double *offset)
{
    double sum = 0;
    SIMD_SUM(sum)
    for (Py_ssize_t j = 0; j < d; j++) {
        v[j] = w[j] * inverse_scale[j];
        sum += v[j] * centre[j];
    }
    *offset -= sum;
}

/* g = factor (a - centre sum_i r_i) / scale */
CLONES static void from_stored(const double *RESTRICT a, const double *RESTRICT centre,
                               const double *RESTRICT inverse_scale, Py_ssize_t d,
                               double total, double factor, double *RESTRICT g)
{
    SIMD
    for (Py_ssize_t j = 0; j < d; j++)
        g[j] = factor * inverse_scale[j] * (a[j] - centre[j] * total);
}

/* g += penalty w; returns 1/2 sum penalty w^2 */
CLONES static double add_penalty(const double *RESTRICT w, const double *RESTRICT penalty,
                                 Py_ssize_t n, double *RESTRICT g)
{
    double sum = 0;
    SIMD_SUM(sum)
    for (Py_ssize_t j = 0; j < n; j++) {
        const double pull = penalty[j] * w[j];
        g[j] += pull;
        sum += pull * w[j];
    }
    return 0.5 * sum;
}

/* z += offset */
CLONES static void shift(double offset, Py_ssize_t n, double *z)
{
    SIMD
    for (Py_ssize_t i = 0; i < n; i++) z[i] += offset;
}

CLONES static double total(const double *z, Py_ssize_t n)
{
    double sum = 0;
    SIMD_SUM(sum)
    for (Py_ssize_t i = 0; i < n; i++) sum += z[i];
    return sum;
}

/* z = s (z - y); returns 1/2 sum s (z - y)^2 */
CLONES static double squared(const double *RESTRICT y, const double *RESTRICT s,
                             Py_ssize_t n, double *RESTRICT z)
{
    double sum = 0;
    SIMD_SUM(sum)
    for (Py_ssize_t i = 0; i < n; i++) {
        const double r = z[i] - y[i];
        z[i] = s[i] * r;
        sum += z[i] * r;
    }
    return 0.5 * sum;
}

/* x -= rate g */
CLONES static void descend(double *x, const double *g, Py_ssize_t n, double rate)
{
    SIMD
    for (Py_ssize_t j = 0; j < n; j++) x[j] -= rate * g[j];
}

/* y = x - rate g */
CLONES static void move_to(double *RESTRICT y, const double *x, const double *g,
                           Py_ssize_t n, double rate)
{
    SIMD
    for (Py_ssize_t j = 0; j < n; j++) y[j] = x[j] - rate * g[j];
}

CLONES static double dot_product(const double *x, const double *y, Py_ssize_t n)
{
    double sum = 0;
    SIMD_SUM(sum)
    for (Py_ssize_t j = 0; j < n; j++) sum += x[j] * y[j];
    return sum;
}

CLONES static double squared_distance(const double *x, const double *y, Py_ssize_t n)
{
    double sum = 0;
    SIMD_SUM(sum)
    for (Py_ssize_t j = 0; j < n; j++) sum += (x[j] - y[j]) * (x[j] - y[j]);
    return sum;
}

/* v = beta v - rate g, x += v */
CLONES static void roll(double *x, const double *g, Py_ssize_t n, double rate,
                        double beta, double *v)
{
    SIMD
    for (Py_ssize_t j = 0; j < n; j++) {
        v[j] = beta * v[j] - rate * g[j];
        x[j] += v[j];
    }
}

/* v = beta v - rate g, x += beta v - rate g */
CLONES static void roll_ahead(double *x, const double *g, Py_ssize_t n, double rate,
                              double beta, double *v)
{
    SIMD
    for (Py_ssize_t j = 0; j < n; j++) {
        const double push = rate * g[j]; /* before x changes: g may be x */
        v[j] = beta * v[j] - push;
        x[j] += beta * v[j] - push;
    }
}

/* The sum of the n elements of s, a multiple of 8; overwrites s. */
static inline double fold(double *s, int n)
{
    for (int m = 8; m < n; m += 8) {
        SIMD
        for (int k = 0; k < 8; k++) s[k] += s[m + k];
    }
    SIMD
    for (int k = 0; k < 4; k++) s[k] += s[k + 4];
    SIMD
    for (int k = 0; k < 2; k++) s[k] += s[k + 2];
    return s[0] + s[1];
}

/* Ask for the lines that hold these bytes. A macro: to gcc, a function that only
   prefetches has no effect and may go. */
#define ASK(begin, end)                                                            \
    do {                                                                           \
        for (const char *at = begin; at < (end); at += 64) PREFETCH(at);           \
        PREFETCH((end) - 1);                                                       \
    } while (0)

enum { FEW = 4 }; /* outputs whose sums stay in registers */

#define REAL double
#define NAME(stem) stem##_f64
#include "rows.h"
#undef REAL
#undef NAME

#define REAL float
#define NAME(stem) stem##_f32
#include "rows.h"
#undef REAL
#undef NAME

#endif
