/* exp and log in loops that compilers vectorise, to about an ulp, and the losses on them.

   Coefficients are minimax fits to exp(r) = 1 + r + r^2 q(r), |r| <= ln 2 / 2, and to
   atanh(s) / s = 1 + s^2 p(s^2), |s| <= 1/3, of errors below 2e-17. */
#ifndef SGD_ESTIMATORS_ENTROPY_H
#define SGD_ESTIMATORS_ENTROPY_H
#include <stdint.h>
#include <string.h>
#include "simd.h"

#define LN2_HIGH 0.6931471801362932 /* its last 22 bits are 0: k times it is exact */
#define LN2_LOW 4.236521365809284e-10
#define LN2 0.6931471805599453

/* exp(x) for x <= 0; 5e-308 from -707 down. A NaN stays one. */
static inline double exp_below_0(double x)
{
    const double shift = 6755399441055744.0; /* 1.5 2^52: adding it rounds */
    const double bounded = x < -707.0 ? -707.0 : x;
    const double shifted = bounded * 1.4426950408889634 + shift;
    const double k = shifted - shift;
    const double r = (bounded - k * LN2_HIGH) - k * LN2_LOW;
    double q = 2.5100472505694996e-08;
    q = q * r + 2.7620201591031547e-07;
    q = q * r + 2.7557268276905696e-06;
    q = q * r + 2.4801521057868204e-05;
    q = q * r + 0.00019841269863171557;
    q = q * r + 0.0013888888917367081;
    q = q * r + 0.008333333333330039;
    q = q * r + 0.041666666666623824;
    q = q * r + 0.16666666666666669;
    q = q * r + 0.5;
    int64_t bits; /* k stands in the last bits of `shifted` */
    memcpy(&bits, &shifted, sizeof bits);
    bits = (int64_t)((uint64_t)(bits + 1023) << 52);
    double power;
    memcpy(&power, &bits, sizeof power);
    return power * (1.0 + (r + r * r * q));
}

/* log(1 + e) for 0 <= e <= 1, by 2 atanh(e / (2 + e)). */
static inline double log_1_plus(double e)
{
    const double s = e / (2.0 + e), t = s * s;
    double p = 0.08082469084735669;
    p = p * t + 0.04400158825434387;
    p = p * t + 0.06000577591428889;
    p = p * t + 0.06657067775440581;
    p = p * t + 0.07692785296456121;
    p = p * t + 0.09090894708663223;
    p = p * t + 0.11111111358900891;
    p = p * t + 0.1428571428355253;
    p = p * t + 0.20000000000007298;
    p = p * t + 0.3333333333333333;
    return 2.0 * (s + s * t * p);
}

/* log(x) for finite x >= 1. */
static inline double log_from_1(double x)
{
    uint64_t bits, exponent;
    memcpy(&bits, &x, sizeof bits);
    exponent = bits >> 52 | 0x4330000000000000; /* 2^52 + exponent, as a double */
    bits = (bits & 0x000fffffffffffff) | 0x3ff0000000000000;
    double part, k;
    memcpy(&part, &bits, sizeof part);
    memcpy(&k, &exponent, sizeof k);
    return (k - (4503599627370496.0 + 1023.0)) * LN2 + log_1_plus(part - 1.0);
}

/* z_i <- s_i (sigmoid(z_i) - y_i); returns sum_i s_i (log(1 + e^z_i) - y_i z_i). */
CLONES static double logistic(const double *RESTRICT y, const double *RESTRICT s,
                              Py_ssize_t n, double *RESTRICT z)
{
    double total = 0;
    SIMD_SUM(total)
    for (Py_ssize_t i = 0; i < n; i++) {
        const double e = exp_below_0(z[i] < 0 ? z[i] : -z[i]); /* no overflow */
        const double top = z[i] < 0 ? 0.0 : z[i];
        total += s[i] * (log_1_plus(e) + (top - y[i] * z[i])); /* whose difference may be 0 */
        z[i] = s[i] * ((z[i] < 0 ? e : 1.0) / (1.0 + e) - y[i]);
    }
    return total;
}

/* z_i <- e^z_i, for z_i <= 0. */
CLONES static void exponentials(double *RESTRICT z, Py_ssize_t n)
{
    SIMD
    for (Py_ssize_t i = 0; i < n; i++) z[i] = exp_below_0(z[i]);
}

/* Returns sum_i s_i log(x_i), and sets x_i <- s_i / x_i; x_i >= 1. */
CLONES static double logs(const double *RESTRICT s, Py_ssize_t n, double *RESTRICT x)
{
    double total = 0;
    SIMD_SUM(total)
    for (Py_ssize_t i = 0; i < n; i++) {
        total += s[i] * log_from_1(x[i]);
        x[i] = s[i] / x[i];
    }
    return total;
}

#endif
