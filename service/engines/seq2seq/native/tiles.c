/* Exact sums of products of bytes: rows of unsigned activations with a block of signed weights.
 *
 * Compiled once for each instruction set, which TILES names. Sums are exact, so the order of additions is free, and a
 * row has the same result alone and among others.
 */
#include <immintrin.h>
#include <stdint.h>

#include "tiles.h"

/* The processor's own prefetching stops at pages; weights are read in one long stream. */
#define AHEAD 1024

static inline int32_t four(const uint8_t *at) {
    int32_t bytes;
    __builtin_memcpy(&bytes, at, 4);
    return bytes;
}

#if defined(__AVX512VNNI__)
#define VECTORS 2
#define ROWS 8
typedef __m512i vector;
static inline vector zero(void) { return _mm512_setzero_si512(); }
static inline vector load(const int8_t *at) { return _mm512_loadu_si512((const void *)at); }
static inline vector repeat(const uint8_t *at) { return _mm512_set1_epi32(four(at)); }
static inline void store(int32_t *to, vector v) { _mm512_storeu_si512((void *)to, v); }
static inline vector add(vector a, vector b) { return _mm512_add_epi32(a, b); }
static inline vector multiply(vector sum, vector a, vector w) { return _mm512_dpbusd_epi32(sum, a, w); }
#else
#define VECTORS 4
#define ROWS 3
typedef __m256i vector;
static inline vector zero(void) { return _mm256_setzero_si256(); }
static inline vector load(const int8_t *at) { return _mm256_loadu_si256((const __m256i *)at); }
static inline vector repeat(const uint8_t *at) { return _mm256_set1_epi32(four(at)); }
static inline void store(int32_t *to, vector v) { _mm256_storeu_si256((__m256i *)to, v); }
static inline vector add(vector a, vector b) { return _mm256_add_epi32(a, b); }
#if defined(__AVXVNNI__)
static inline vector multiply(vector sum, vector a, vector w) { return _mm256_dpbusd_avx_epi32(sum, a, w); }
#else
/* Pairs of products meet in 16 bits: exact for weights of 7 bits, 2 x 255 x 63 < 2^15. */
static inline vector multiply(vector sum, vector a, vector w) {
    const vector pairs = _mm256_maddubs_epi16(a, w);
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
#endif
#endif

#define LANES (BLOCK / VECTORS)

/* `rows` is a constant wherever this is called, so that the sums stay in registers. */
static inline __attribute__((always_inline)) void tile(const uint8_t *activations, int64_t stride, int rows,
                                                       const int8_t *weights, int64_t groups, int32_t *sums) {
    vector sum[ROWS][VECTORS];
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < VECTORS; v++)
            sum[r][v] = zero();
    for (int64_t g = 0; g < groups; g++) {
        const int8_t *at = weights + g * BLOCK * 4;
        vector w[VECTORS];
        for (int v = 0; v < VECTORS; v++)
            w[v] = load(at + v * LANES * 4);
        _mm_prefetch((const char *)at + AHEAD, _MM_HINT_T0);
        _mm_prefetch((const char *)at + AHEAD + 64, _MM_HINT_T0);
        for (int r = 0; r < rows; r++) {
            const vector a = repeat(activations + r * stride + g * 4);
            for (int v = 0; v < VECTORS; v++)
                sum[r][v] = multiply(sum[r][v], a, w[v]);
        }
    }
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < VECTORS; v++)
            store(sums + r * BLOCK + v * LANES, sum[r][v]);
}

/* One row alone: two groups at a time, since one product has to wait for the one before. */
static void lone(const uint8_t *activations, const int8_t *weights, int64_t groups, int32_t *sums) {
    vector even[VECTORS], odd[VECTORS];
    for (int v = 0; v < VECTORS; v++)
        even[v] = odd[v] = zero();
    int64_t g = 0;
    for (; g + 2 <= groups; g += 2) {
        const int8_t *at = weights + g * BLOCK * 4;
        for (int line = 0; line < 2 * BLOCK * 4; line += 64)
            _mm_prefetch((const char *)at + AHEAD + line, _MM_HINT_T0);
        const vector a = repeat(activations + g * 4), b = repeat(activations + g * 4 + 4);
        for (int v = 0; v < VECTORS; v++) {
            even[v] = multiply(even[v], a, load(at + v * LANES * 4));
            odd[v] = multiply(odd[v], b, load(at + BLOCK * 4 + v * LANES * 4));
        }
    }
    if (g < groups) {
        const vector a = repeat(activations + g * 4);
        for (int v = 0; v < VECTORS; v++)
            even[v] = multiply(even[v], a, load(weights + g * BLOCK * 4 + v * LANES * 4));
    }
    for (int v = 0; v < VECTORS; v++)
        store(sums + v * LANES, add(even[v], odd[v]));
}

void TILES(const uint8_t *activations, int64_t stride, int64_t rows, const int8_t *weights, int64_t groups,
           int32_t *sums) {
    int64_t r = 0;
    for (; r + ROWS <= rows; r += ROWS)
        tile(activations + r * stride, stride, ROWS, weights, groups, sums + r * BLOCK);
#if ROWS > 4
    for (; r + 4 <= rows; r += 4)
        tile(activations + r * stride, stride, 4, weights, groups, sums + r * BLOCK);
#endif
    for (; r + 2 <= rows; r += 2)
        tile(activations + r * stride, stride, 2, weights, groups, sums + r * BLOCK);
    if (r < rows)
        lone(activations + r * stride, weights, groups, sums + r * BLOCK);
}
