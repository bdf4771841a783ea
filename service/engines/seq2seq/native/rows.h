/* What is done with one row at a time: norms, rounding to bytes, attention. */
#pragma once

#include <stdint.h>

#include "abi.h"

/* to [width] = the norm of x [width]; `to` may be `x`. */
void normalize(const Norm *norm, const float *x, long width, float *to);

/* to [width] = the activation of x [width] times x [width, 2 * width]. */
void gate(const float *x, long width, int activation, float *to);

/* Round x [inputs] to bytes [depth] by its largest magnitude, which is returned; NaN where a value is not finite. */
float quantize(const Linear *layer, const float *x, uint8_t *bytes);

/* What one head of one row reads. */
typedef struct {
    const float *query, *keys, *values; /* [head_width], [columns][head_width] twice */
    const int32_t *columns;             /* those of the row's past, or null for the first ones */
    const float *bias;                  /* added to the scores, that of the last column first, or null */
    long count, head_width;
    float scale;
} Reading;

/* to [head_width] = the attention of one head of one row; scores [count] is scratch. */
void attend(const Reading *reading, float *scores, float *to);
