/* What Python hands over: sizes, and where things lie. `structures.py` mirrors these records field by field. */
#pragma once

#include <stdint.h>

/* What Python calls; all else is hidden, so that no other library's function of that name is taken for ours. */
#define PUBLIC __attribute__((visibility("default")))

/* Outputs that are computed together; packed weights come in blocks of so many. */
#define BLOCK 32

/* An int8 layer. `packed` is [blocks][depth / 4][BLOCK][4], padded with zeros; `scale` is that of each output over the
 * steps of an activation; `correction` is what the shift of the activations adds to each output's sum. */
typedef struct {
    const int8_t *packed;
    const float *scale;
    const float *bias; /* or null */
    const int32_t *correction;
    int32_t outputs, inputs, depth; /* depth: inputs, padded to a multiple of 4 */
    int32_t nonnegative;            /* inputs from 0 to 255 steps, else -127 to 127, shifted by 128 */
} Linear;

/* A layer norm, or a root mean square norm where `shift` is null; no norm where `gain` is null. */
typedef struct {
    const float *gain, *shift;
    float epsilon;
    int32_t reserved;
} Norm;

typedef struct {
    Linear qkv, out, query, cross_out, up, down;
    Norm own, cross, last;
    const float *bias; /* relative, [heads][distance], or null */
} Layer;

typedef enum { RELU = 0, GELU = 1, GELU_TANH = 2, SILU = 3, TANH = 4 } Activation;

typedef struct {
    const Layer *layers;
    Linear head;
    Norm final;
    int32_t count, width, heads, head_width, inner, ffn;
    int32_t activation, gated, pre_norm, bias_reach;
    float score_scale, head_scale;
} Decoder;

/* Keys and values are [layer][key or value][place][head][column][head_width]; strides in floats. */
typedef struct {
    float *data;
    int64_t layer, part, place, head;
} Cache;

typedef struct {
    Cache own, cross;
    const int32_t *positions; /* of each request: tokens cached */
    const int32_t *sources;   /* of each request: length of its source */
    const float *seen;        /* [requests][width][seen_stride], 0 for columns of a row's past; null when width is 1 */
    int64_t seen_stride;
    int32_t requests, width;
} Lane;
