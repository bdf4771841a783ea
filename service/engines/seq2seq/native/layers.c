#include "layers.h"

#include <omp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "rows.h"
#include "tiles.h"
#include "vectors.h"

/* Rows of one call of the product, whose sums lie on the stack; a multiple of what each instruction set does at once. */
#define SOME_ROWS 24

typedef struct {
    const char *name;
    Tiles *run;
} Set;

static int runs(const char *name) {
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
        return 0;
    if (!strcmp(name, "avx512vnni"))
        return __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw");
#ifdef HAVE_AVXVNNI
    if (!strcmp(name, "avxvnni"))
        return __builtin_cpu_supports("avxvnni") != 0;
#endif
    return !strcmp(name, "avx2");
}

/* The best first. */
static const Set sets[] = {
#ifdef HAVE_AVX512VNNI
    {"avx512vnni", tiles_avx512vnni},
#endif
#ifdef HAVE_AVXVNNI
    {"avxvnni", tiles_avxvnni},
#endif
    {"avx2", tiles_avx2},
};

static Set chosen;

PUBLIC const char *precis_choose(const char *name) {
    for (unsigned i = 0; i < sizeof sets / sizeof *sets; i++)
        if ((!name || !strcmp(name, sets[i].name)) && runs(sets[i].name)) {
            chosen = sets[i];
            return chosen.name;
        }
    return NULL;
}

static inline void finish(const Linear *layer, const int32_t *sums, long first, float peak, Fate fate, int activation,
                          float *to) {
    const __m256 height = _mm256_set1_ps(peak);
    for (long i = 0; i < BLOCK && first + i < layer->outputs; i += 8) {
        const long n = first + i, left = layer->outputs - n;
        const __m256i sum = _mm256_loadu_si256((const __m256i *)(sums + i));
        const __m256i moved = _mm256_loadu_si256((const __m256i *)(layer->correction + n));
        __m256 y = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_sub_epi32(sum, moved)), _mm256_loadu_ps(layer->scale + n));
        y = _mm256_mul_ps(y, height);
        if (layer->bias)
            y = _mm256_add_ps(y, _mm256_loadu_ps(layer->bias + n));
        if (fate == ADD)
            y = _mm256_add_ps(y, load_some(to + n, left));
        else if (fate == ACTIVATE)
            y = activated(y, activation);
        store_some(to + n, y, left);
    }
}

void multiply(const Linear *layer, const Quantized *input, Fate fate, int activation, float *to, long stride) {
    const long blocks = (layer->outputs + BLOCK - 1) / BLOCK;
    const long groups = layer->depth / 4;
    /* A thread that others hold up takes fewer; each turn is long enough to read on without a gap. */
    const long turn = blocks / (6 * omp_get_num_threads()) + 1;
#pragma omp for schedule(dynamic, turn)
    for (long block = 0; block < blocks; block++) {
        const int8_t *weights = layer->packed + block * groups * BLOCK * 4;
        int32_t sums[SOME_ROWS * BLOCK];
        for (long row = 0; row < input->rows; row += SOME_ROWS) {
            const long rows = input->rows - row < SOME_ROWS ? input->rows - row : SOME_ROWS;
            chosen.run(input->bytes + row * layer->depth, layer->depth, rows, weights, groups, sums);
            for (long r = 0; r < rows; r++)
                finish(layer, sums + r * BLOCK, block * BLOCK, input->peaks[row + r], fate, activation,
                       to + (row + r) * stride);
        }
    }
}

PUBLIC void precis_pack(const int8_t *values, long outputs, long inputs, int8_t *packed, int32_t *sums, int threads) {
    const long depth = (inputs + 3) / 4 * 4, blocks = (outputs + BLOCK - 1) / BLOCK;
#pragma omp parallel for num_threads(threads)
    for (long block = 0; block < blocks; block++) {
        int8_t *at = packed + block * depth * BLOCK;
        memset(at, 0, (size_t)(depth * BLOCK));
        for (long lane = 0; lane < BLOCK && block * BLOCK + lane < outputs; lane++) {
            const int8_t *row = values + (block * BLOCK + lane) * inputs;
            int32_t sum = 0;
            for (long i = 0; i < inputs; i++) {
                at[i / 4 * BLOCK * 4 + lane * 4 + i % 4] = row[i];
                sum += row[i];
            }
            sums[block * BLOCK + lane] = sum;
        }
    }
}

PUBLIC int precis_linear(const Linear *layer, const float *x, long rows, float *to, int threads) {
    if (rows == 0)
        return 0;
    uint8_t *bytes = malloc((size_t)(rows * layer->depth));
    float *peaks = malloc(sizeof(float) * (size_t)rows);
    if (!bytes || !peaks) {
        free(bytes);
        free(peaks);
        return 1;
    }
    const Quantized input = {bytes, peaks, rows};
#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(static)
        for (long r = 0; r < rows; r++)
            peaks[r] = quantize(layer, x + r * layer->inputs, bytes + r * layer->depth);
        multiply(layer, &input, KEEP, 0, to, layer->outputs);
    }
    free(bytes);
    free(peaks);
    return 0;
}
