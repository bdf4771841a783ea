#include "rows.h"

#include <math.h>

#include "vectors.h"

void normalize(const Norm *norm, const float *x, long width, float *to) {
    const __m256 zero = _mm256_setzero_ps();
    __m256 middle = zero;
    if (norm->shift) {
        __m256 sum = zero;
        for (long i = 0; i < width; i += 8)
            sum = _mm256_add_ps(sum, load_some(x + i, width - i));
        middle = _mm256_set1_ps(sum_of(sum) / (float)width);
    }
    __m256 squares = zero;
    long i = 0;
    for (; i + 8 <= width; i += 8) {
        const __m256 apart = _mm256_sub_ps(_mm256_loadu_ps(x + i), middle);
        squares = _mm256_fmadd_ps(apart, apart, squares);
    }
    if (i < width) {
        const __m256 some = _mm256_castsi256_ps(first_lanes(width - i));
        const __m256 apart = _mm256_and_ps(some, _mm256_sub_ps(load_some(x + i, width - i), middle));
        squares = _mm256_fmadd_ps(apart, apart, squares);
    }
    const __m256 factor = _mm256_set1_ps(1.0f / sqrtf(sum_of(squares) / (float)width + norm->epsilon));
    for (i = 0; i < width; i += 8) {
        const long left = width - i;
        __m256 y = _mm256_mul_ps(_mm256_sub_ps(load_some(x + i, left), middle), factor);
        y = _mm256_mul_ps(y, load_some(norm->gain + i, left));
        if (norm->shift)
            y = _mm256_add_ps(y, load_some(norm->shift + i, left));
        store_some(to + i, y, left);
    }
}

void gate(const float *x, long width, int activation, float *to) {
    for (long i = 0; i < width; i += 8) {
        const long left = width - i;
        const __m256 opened = activated(load_some(x + i, left), activation);
        store_some(to + i, _mm256_mul_ps(opened, load_some(x + width + i, left)), left);
    }
}

float quantize(const Linear *layer, const float *x, uint8_t *bytes) {
    const long inputs = layer->inputs;
    __m256 largest = _mm256_setzero_ps(), lost = largest;
    for (long i = 0; i < inputs; i += 8) {
        const __m256 v = load_some(x + i, inputs - i);
        largest = _mm256_max_ps(largest, absolute(v));
        lost = _mm256_or_ps(lost, _mm256_cmp_ps(v, v, _CMP_UNORD_Q));
    }
    const float peak = largest_of(largest);
    const int top = layer->nonnegative ? 255 : 127, shift = layer->nonnegative ? 0 : 128;
    const int finite = _mm256_movemask_ps(lost) == 0 && peak <= 3.4e38f;
    const float steps = finite && peak > 1e-36f ? (float)top / peak : 0.0f;
    const __m256 factor = _mm256_set1_ps(steps), low = _mm256_set1_ps(layer->nonnegative ? 0.0f : -127.0f);
    const __m256 high = _mm256_set1_ps((float)top);
    const __m256i moved = _mm256_set1_epi32(shift);
    for (long i = 0; i < layer->depth; i += 8) {
        const long left = inputs - i;
        __m256 v = left > 0 ? load_some(x + i, left) : _mm256_setzero_ps();
        v = _mm256_min_ps(_mm256_max_ps(_mm256_mul_ps(v, factor), low), high);
        const __m256i whole = _mm256_add_epi32(_mm256_cvtps_epi32(v), moved);
        const __m128i shorts = _mm_packus_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
        const __m128i narrow = _mm_packus_epi16(shorts, shorts);
        if (layer->depth - i >= 8)
            _mm_storel_epi64((__m128i *)(bytes + i), narrow);
        else
            *(int32_t *)(bytes + i) = _mm_cvtsi128_si32(narrow);
    }
    return finite ? peak : NAN;
}

static inline const float *column_of(const Reading *r, const float *table, long i) {
    return table + (r->columns ? r->columns[i] : i) * r->head_width;
}

static inline __m256 product(const float *a, const float *b, long width) {
    __m256 sum = _mm256_setzero_ps();
    for (long d = 0; d < width; d += 8)
        sum = _mm256_fmadd_ps(load_some(a + d, width - d), load_some(b + d, width - d), sum);
    return sum;
}

/* Scores of all columns; four at a time, because adding up the lanes of one costs as much as its products. */
static void score(const Reading *r, float *scores) {
    long i = 0;
    if (r->head_width % 8 == 0)
        for (; i + 4 <= r->count; i += 4) {
            const float *k0 = column_of(r, r->keys, i), *k1 = column_of(r, r->keys, i + 1);
            const float *k2 = column_of(r, r->keys, i + 2), *k3 = column_of(r, r->keys, i + 3);
            __m256 s0 = _mm256_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
            for (long d = 0; d < r->head_width; d += 8) {
                const __m256 q = _mm256_loadu_ps(r->query + d);
                s0 = _mm256_fmadd_ps(q, _mm256_loadu_ps(k0 + d), s0);
                s1 = _mm256_fmadd_ps(q, _mm256_loadu_ps(k1 + d), s1);
                s2 = _mm256_fmadd_ps(q, _mm256_loadu_ps(k2 + d), s2);
                s3 = _mm256_fmadd_ps(q, _mm256_loadu_ps(k3 + d), s3);
            }
            const __m256 all = _mm256_hadd_ps(_mm256_hadd_ps(s0, s1), _mm256_hadd_ps(s2, s3));
            _mm_storeu_ps(scores + i, _mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1)));
        }
    for (; i < r->count; i++)
        scores[i] = sum_of(product(r->query, column_of(r, r->keys, i), r->head_width));
    for (i = 0; i < r->count; i++)
        scores[i] = scores[i] * r->scale + (r->bias ? r->bias[r->count - 1 - i] : 0.0f);
}

/* Turn scores into weights that are not divided by their sum yet, and return that. */
static float soften(float *scores, long count) {
    __m256 largest = _mm256_set1_ps(-INFINITY);
    const __m256 least = largest;
    for (long i = 0; i < count; i += 8) {
        const __m256 some = _mm256_castsi256_ps(first_lanes(count - i));
        largest = _mm256_max_ps(largest, _mm256_blendv_ps(least, load_some(scores + i, count - i), some));
    }
    const __m256 top = _mm256_set1_ps(largest_of(largest));
    __m256 sum = _mm256_setzero_ps();
    for (long i = 0; i < count; i += 8) {
        const __m256 some = _mm256_castsi256_ps(first_lanes(count - i));
        const __m256 e = exponential(_mm256_sub_ps(load_some(scores + i, count - i), top));
        store_some(scores + i, e, count - i);
        sum = _mm256_add_ps(sum, _mm256_and_ps(some, e));
    }
    return sum_of(sum);
}

void attend(const Reading *r, float *scores, float *to) {
    score(r, scores);
    const __m256 share = _mm256_set1_ps(1.0f / soften(scores, r->count));
    long d = 0;
    for (; d + 32 <= r->head_width; d += 32) {
        __m256 sum[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()};
        for (long i = 0; i < r->count; i++) {
            const float *value = column_of(r, r->values, i) + d;
            const __m256 weight = _mm256_set1_ps(scores[i]);
            for (int v = 0; v < 4; v++)
                sum[v] = _mm256_fmadd_ps(weight, _mm256_loadu_ps(value + 8 * v), sum[v]);
        }
        for (int v = 0; v < 4; v++)
            _mm256_storeu_ps(to + d + 8 * v, _mm256_mul_ps(sum[v], share));
    }
    for (; d < r->head_width; d += 8) {
        const long left = r->head_width - d;
        __m256 sum = _mm256_setzero_ps();
        for (long i = 0; i < r->count; i++)
            sum = _mm256_fmadd_ps(_mm256_set1_ps(scores[i]), load_some(column_of(r, r->values, i) + d, left), sum);
        store_some(to + d, _mm256_mul_ps(sum, share), left);
    }
}
