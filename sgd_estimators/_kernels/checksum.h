/* A checksum of bytes at the speed of memory: Fletcher's two sums, a += x and b += a, in
   lanes of 64 bits.  What stands elsewhere weighs otherwise in b, so that an exchange of
   numbers shows as a change of one does. */
#ifndef SGD_ESTIMATORS_CHECKSUM_H
#define SGD_ESTIMATORS_CHECKSUM_H
#include "random.h"
#include "simd.h"
#include <string.h>

enum { LANES = 32 }; /* sums enough to hide an addition's latency */

CLONES static uint64_t checksum(const char *bytes, Py_ssize_t n, uint64_t state)
{
    uint64_t a[LANES] = {0}, b[LANES] = {0}, x[LANES];
    Py_ssize_t i = 0;
    for (; i + (Py_ssize_t)sizeof x <= n; i += sizeof x) {
        const char *at = bytes + i;
        SIMD
        for (int k = 0; k < LANES; k++) {
            uint64_t word;
            memcpy(&word, at + 8 * k, 8);
            a[k] += word ^ word >> 32; /* else round numbers' low bits are all zeros */
            b[k] += a[k];
        }
    }
    memset(x, 0, sizeof x);
    memcpy(x, bytes + i, (size_t)(n - i));
    for (int k = 0; k < LANES; k++) {
        a[k] += x[k] ^ x[k] >> 32;
        b[k] += a[k];
        state = mix(mix(state + a[k]) + b[k]); /* of each lane at its place */
    }
    return mix(state + (uint64_t)n);
}

#endif
