/* Random integers that are the same on every platform: SplitMix64 (Steele, Lea and Flood,
   2014) and Lemire's (2019) unbiased integers below a bound. */
#ifndef SGD_ESTIMATORS_RANDOM_H
#define SGD_ESTIMATORS_RANDOM_H
#include <Python.h>
#include <stdint.h>

#define GOLDEN UINT64_C(0x9E3779B97F4A7C15)

static inline uint64_t mix(uint64_t z)
{
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static inline uint64_t draw(uint64_t *state)
{
    return mix(*state += GOLDEN);
}

/* The state of a generator that belongs to two numbers. */
static inline uint64_t seeded(uint64_t seed, uint64_t number)
{
    return mix(mix(seed + GOLDEN) + number);
}

/* A number from 0 to bound - 1, each as likely as the others. */
static inline uint64_t below(uint64_t *state, uint64_t bound)
{
    uint64_t drawn, rest;
    if (bound >> 32) { /* a division, which such a bound can afford */
        do {
            drawn = draw(state);
            rest = drawn % bound;
        } while (drawn - rest > 0 - bound); /* not of the last, shorter stretch */
        return rest;
    }
    drawn = (draw(state) >> 32) * bound;
    if ((uint32_t)drawn < bound) {
        const uint32_t least = (uint32_t)(0 - bound) % (uint32_t)bound;
        while ((uint32_t)drawn < least) drawn = (draw(state) >> 32) * bound;
    }
    return drawn >> 32;
}

/* Write the numbers from 0 to n - 1 in a random order. */
static inline void permute(uint64_t *state, int *places, Py_ssize_t n)
{
    uint64_t own = *state; /* in a register */
    for (Py_ssize_t i = 0; i < n; i++) {
        const Py_ssize_t j = (Py_ssize_t)below(&own, (uint64_t)i + 1);
        places[i] = places[j]; /* itself where j = i */
        places[j] = (int)i;
    }
    *state = own;
}

#endif
