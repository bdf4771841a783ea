/* Functions of eight floats at a time. Each value is computed alone, so it has the same bits wherever it stands. */
#pragma once

#include <immintrin.h>
#include <math.h>
#include <stdint.h>

#include "abi.h"

/* Lanes below `count` (1 to 8). */
static inline __m256i first_lanes(long count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

static inline __m256 load_some(const float *from, long count) {
    return count >= 8 ? _mm256_loadu_ps(from) : _mm256_maskload_ps(from, first_lanes(count));
}

static inline void store_some(float *to, __m256 value, long count) {
    if (count >= 8)
        _mm256_storeu_ps(to, value);
    else
        _mm256_maskstore_ps(to, first_lanes(count), value);
}

static inline float sum_of(__m256 v) {
    __m128 half = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
}

static inline float largest_of(__m256 v) {
    __m128 half = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    half = _mm_max_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_max_ss(half, _mm_movehdup_ps(half)));
}

static inline __m256 absolute(__m256 x) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x); }

/* e^x within 2 units in the last place; nought below -87.3, where it is hardly more; NaN stays. Source: Cephes, expf. */
static inline __m256 exponential(__m256 x) {
    const __m256 low = _mm256_set1_ps(-87.3f);
    const __m256 vanishes = _mm256_cmp_ps(x, low, _CMP_LT_OQ), lost = _mm256_cmp_ps(x, x, _CMP_UNORD_Q);
    x = _mm256_min_ps(_mm256_max_ps(x, low), _mm256_set1_ps(88.0f));
    __m256 power = _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(1.44269504088896341f)), 8);
    x = _mm256_fnmadd_ps(power, _mm256_set1_ps(0.693359375f), x);
    x = _mm256_fnmadd_ps(power, _mm256_set1_ps(-2.12194440e-4f), x);
    __m256 p = _mm256_set1_ps(1.9875691500e-4f);
    p = _mm256_fmadd_ps(p, x, _mm256_set1_ps(1.3981999507e-3f));
    p = _mm256_fmadd_ps(p, x, _mm256_set1_ps(8.3334519073e-3f));
    p = _mm256_fmadd_ps(p, x, _mm256_set1_ps(4.1665795894e-2f));
    p = _mm256_fmadd_ps(p, x, _mm256_set1_ps(1.6666665459e-1f));
    p = _mm256_fmadd_ps(p, x, _mm256_set1_ps(5.0000001201e-1f));
    p = _mm256_fmadd_ps(p, _mm256_mul_ps(x, x), _mm256_add_ps(x, _mm256_set1_ps(1.0f)));
    __m256i exponent = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(power), _mm256_set1_epi32(127)), 23);
    return _mm256_or_ps(lost, _mm256_andnot_ps(vanishes, _mm256_mul_ps(p, _mm256_castsi256_ps(exponent))));
}

/* tanh x as 1 - 2 / (e^2x + 1), off by 1e-7 at most. */
static inline __m256 hyperbolic(__m256 x) {
    const __m256 one = _mm256_set1_ps(1.0f), two = _mm256_set1_ps(2.0f);
    return _mm256_sub_ps(one, _mm256_div_ps(two, _mm256_add_ps(exponential(_mm256_mul_ps(x, two)), one)));
}

/* The error function, off by 1.5e-7 at most. Source: Abramowitz and Stegun, 7.1.26. */
static inline __m256 error_function(__m256 x) {
    const __m256 one = _mm256_set1_ps(1.0f), sign = _mm256_and_ps(x, _mm256_set1_ps(-0.0f));
    const __m256 size = absolute(x);
    const __m256 t = _mm256_div_ps(one, _mm256_fmadd_ps(size, _mm256_set1_ps(0.3275911f), one));
    __m256 p = _mm256_set1_ps(1.061405429f);
    p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(-1.453152027f));
    p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(1.421413741f));
    p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(-0.284496736f));
    p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(0.254829592f));
    p = _mm256_mul_ps(p, t);
    const __m256 fall = exponential(_mm256_sub_ps(_mm256_setzero_ps(), _mm256_mul_ps(size, size)));
    return _mm256_or_ps(_mm256_fnmadd_ps(p, fall, one), sign);
}

static inline __m256 activated(__m256 x, int which) {
    const __m256 half = _mm256_set1_ps(0.5f), one = _mm256_set1_ps(1.0f);
    switch (which) {
    case RELU:
        return _mm256_max_ps(_mm256_setzero_ps(), x); /* the second one where one is NaN */
    case GELU: {
        const __m256 erf = error_function(_mm256_mul_ps(x, _mm256_set1_ps(0.70710678118f)));
        return _mm256_mul_ps(_mm256_mul_ps(half, x), _mm256_add_ps(one, erf));
    }
    case GELU_TANH: {
        const __m256 cube = _mm256_mul_ps(_mm256_mul_ps(x, x), x);
        const __m256 inner = _mm256_fmadd_ps(cube, _mm256_set1_ps(0.044715f), x);
        const __m256 bent = hyperbolic(_mm256_mul_ps(inner, _mm256_set1_ps(0.7978845608f)));
        return _mm256_mul_ps(_mm256_mul_ps(half, x), _mm256_add_ps(one, bent));
    }
    case SILU:
        return _mm256_div_ps(x, _mm256_add_ps(one, exponential(_mm256_sub_ps(_mm256_setzero_ps(), x))));
    default:
        return hyperbolic(x);
    }
}
