/* One decode step of all live rows, from the embedded tokens to the logits, in one team of threads. */
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "layers.h"
#include "rows.h"

typedef struct {
    const Lane *lane;
    int32_t request, beam, position, source;
    const int32_t *columns; /* of its past, this step's the last; null when these are the first ones */
} Place;

typedef struct {
    const Decoder *model;
    Place *places;
    float *hidden, *between, *wide, *read, *peaks, *scores;
    uint8_t *bytes;
    int32_t *columns;
    long rows, longest;
} Work;

static long larger(long a, long b) { return a > b ? a : b; }

static const float *past(const Cache *cache, long layer, long part, long place, long head) {
    return cache->data + layer * cache->layer + part * cache->part + place * cache->place + head * cache->head;
}

/* Norm and rounding of every row, for the layer that reads it. `kept` writes the norm back, as models with norms behind
 * their blocks want it. */
static void prepare(const Work *w, const Norm *norm, int kept, float scale, const Linear *reader) {
    const long width = w->model->width;
#pragma omp for schedule(static)
    for (long r = 0; r < w->rows; r++) {
        float *x = w->hidden + r * width;
        if (norm && norm->gain) {
            float *to = kept ? x : w->between + r * width;
            normalize(norm, x, width, to);
            x = to;
        }
        if (scale != 1.0f) {
            float *to = w->between + r * width;
            for (long i = 0; i < width; i++)
                to[i] = x[i] * scale;
            x = to;
        }
        w->peaks[r] = quantize(reader, x, w->bytes + r * reader->depth);
    }
}

static void round_rows(const Work *w, const float *x, long stride, const Linear *reader) {
#pragma omp for schedule(static)
    for (long r = 0; r < w->rows; r++)
        w->peaks[r] = quantize(reader, x + r * stride, w->bytes + r * reader->depth);
}

static void read_own(const Work *w, long index) {
    const Decoder *m = w->model;
    const long heads = m->heads, size = m->head_width, inner = m->inner;
#pragma omp for schedule(static)
    for (long task = 0; task < w->rows * heads; task++) {
        const long r = task / heads, h = task % heads;
        const Place *p = w->places + r;
        const Cache *cache = &p->lane->own;
        const float *qkv = w->wide + r * 3 * inner + h * size;
        float *keys = (float *)past(cache, index, 0, p->request, h), *values = (float *)past(cache, index, 1, p->request, h);
        const long column = (long)p->position * p->lane->width + p->beam;
        memcpy(keys + column * size, qkv + inner, sizeof(float) * (size_t)size);
        memcpy(values + column * size, qkv + 2 * inner, sizeof(float) * (size_t)size);
        const float *bias = m->layers[index].bias;
        const Reading reading = {qkv,      keys,       values, p->columns, bias ? bias + h * m->bias_reach : NULL, p->position + 1,
                                 size, m->score_scale};
        attend(&reading, w->scores + omp_get_thread_num() * w->longest, w->read + r * inner + h * size);
    }
}

static void read_source(const Work *w, long index) {
    const Decoder *m = w->model;
    const long heads = m->heads, size = m->head_width, inner = m->inner;
#pragma omp for schedule(static)
    for (long task = 0; task < w->rows * heads; task++) {
        const long r = task / heads, h = task % heads;
        const Place *p = w->places + r;
        const Cache *cache = &p->lane->cross;
        const Reading reading = {w->wide + r * inner + h * size,
                                 past(cache, index, 0, p->request, h),
                                 past(cache, index, 1, p->request, h),
                                 NULL,
                                 NULL,
                                 p->source,
                                 size,
                                 m->score_scale};
        attend(&reading, w->scores + omp_get_thread_num() * w->longest, w->read + r * inner + h * size);
    }
}

static void feed_forward(const Work *w, const Layer *layer, const Quantized *input) {
    const Decoder *m = w->model;
    const long outputs = layer->up.outputs;
    multiply(&layer->up, input, m->gated ? KEEP : ACTIVATE, m->activation, w->wide, outputs);
    if (m->gated) {
#pragma omp for schedule(static)
        for (long r = 0; r < w->rows; r++) {
            float *opened = w->between + r * m->ffn;
            gate(w->wide + r * outputs, m->ffn, m->activation, opened);
            w->peaks[r] = quantize(&layer->down, opened, w->bytes + r * layer->down.depth);
        }
    } else {
        round_rows(w, w->wide, outputs, &layer->down);
    }
    multiply(&layer->down, input, ADD, 0, w->hidden, m->width);
}

/* What every thread of the team runs. */
static void decode(const Work *w, float *logits) {
    const Decoder *m = w->model;
    const Quantized input = {w->bytes, w->peaks, w->rows};
    const int behind = !m->pre_norm;
    const Norm *waiting = NULL; /* the norm behind the last block */
    for (long index = 0; index < m->count; index++) {
        const Layer *layer = m->layers + index;
        prepare(w, behind ? waiting : &layer->own, behind, 1.0f, &layer->qkv);
        multiply(&layer->qkv, &input, KEEP, 0, w->wide, 3 * m->inner);
        read_own(w, index);
        round_rows(w, w->read, m->inner, &layer->out);
        multiply(&layer->out, &input, ADD, 0, w->hidden, m->width);
        prepare(w, behind ? &layer->own : &layer->cross, behind, 1.0f, &layer->query);
        multiply(&layer->query, &input, KEEP, 0, w->wide, m->inner);
        read_source(w, index);
        round_rows(w, w->read, m->inner, &layer->cross_out);
        multiply(&layer->cross_out, &input, ADD, 0, w->hidden, m->width);
        prepare(w, behind ? &layer->cross : &layer->last, behind, 1.0f, &layer->up);
        feed_forward(w, layer, &input);
        waiting = &layer->last;
    }
    if (behind && waiting) {
#pragma omp for schedule(static)
        for (long r = 0; r < w->rows; r++)
            normalize(waiting, w->hidden + r * m->width, m->width, w->hidden + r * m->width);
    }
    prepare(w, &m->final, 0, m->head_scale, &m->head);
    multiply(&m->head, &input, KEEP, 0, logits, m->head.outputs);
}

static void find_past(const Lane *lane, Place *place, int32_t *columns) {
    const float *seen = lane->seen + ((long)place->request * lane->width + place->beam) * lane->seen_stride;
    long found = 0;
    for (long c = 0; c < (long)(place->position + 1) * lane->width && found <= place->position; c++)
        if (seen[c] == 0.0f)
            columns[found++] = (int32_t)c;
    while (found <= place->position) /* never so; nothing outside the cache is read all the same */
        columns[found++] = place->position * lane->width + place->beam;
    place->columns = columns;
}

static long deepest(const Decoder *m) {
    long depth = m->head.depth;
    for (long i = 0; i < m->count; i++) {
        const Layer *l = m->layers + i;
        const Linear *all[] = {&l->qkv, &l->out, &l->query, &l->cross_out, &l->up, &l->down};
        for (int j = 0; j < 6; j++)
            depth = larger(depth, all[j]->depth);
    }
    return depth;
}

static void *carve(char **at, size_t bytes) {
    void *here = *at;
    *at += (bytes + 63) / 64 * 64;
    return here;
}

/* hidden [rows][width], overwritten; logits [rows][vocabulary]. Returns 1 where there is no memory. */
PUBLIC int precis_step(const Decoder *m, const Lane *lanes, long count, float *hidden, float *logits, int threads) {
    long rows = 0, longest = 1, own = 1;
    for (long i = 0; i < count; i++) {
        rows += (long)lanes[i].requests * lanes[i].width;
        for (long j = 0; j < lanes[i].requests; j++) {
            own = larger(own, lanes[i].positions[j] + 1);
            longest = larger(longest, larger(own, lanes[i].sources[j]));
        }
    }
    longest = (longest + 15) / 16 * 16;
    const long up = m->gated ? 2 * m->ffn : m->ffn, depth = deepest(m);
    const size_t sizes[] = {sizeof(Place) * (size_t)rows,
                            sizeof(float) * (size_t)(rows * larger(m->width, m->ffn)),
                            sizeof(float) * (size_t)(rows * larger(3L * m->inner, up)),
                            sizeof(float) * (size_t)(rows * m->inner),
                            sizeof(float) * (size_t)rows,
                            sizeof(float) * (size_t)(longest * threads),
                            (size_t)(rows * depth),
                            sizeof(int32_t) * (size_t)(rows * own)};
    size_t bytes = 0;
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++)
        bytes += (sizes[i] + 63) / 64 * 64;
    char *memory = aligned_alloc(64, bytes), *at = memory;
    if (!memory)
        return 1;
    Work w = {.model = m, .hidden = hidden, .rows = rows, .longest = longest};
    w.places = carve(&at, sizes[0]);
    w.between = carve(&at, sizes[1]);
    w.wide = carve(&at, sizes[2]);
    w.read = carve(&at, sizes[3]);
    w.peaks = carve(&at, sizes[4]);
    w.scores = carve(&at, sizes[5]);
    w.bytes = carve(&at, sizes[6]);
    w.columns = carve(&at, sizes[7]);
    long r = 0;
    for (long i = 0; i < count; i++)
        for (int32_t j = 0; j < lanes[i].requests; j++)
            for (int32_t b = 0; b < lanes[i].width; b++, r++) {
                w.places[r] = (Place){lanes + i, j, b, lanes[i].positions[j], lanes[i].sources[j], NULL};
                if (lanes[i].seen)
                    find_past(lanes + i, w.places + r, w.columns + r * own);
            }
#pragma omp parallel num_threads(threads)
    decode(&w, logits);
    free(memory);
    return 0;
}

/* Bytes of the records that Python fills in, for it to compare: decoder, layer, lane; and BLOCK. */
PUBLIC long precis_size(int record) {
    const long sizes[] = {sizeof(Decoder), sizeof(Layer), sizeof(Lane), BLOCK};
    return sizes[record];
}
