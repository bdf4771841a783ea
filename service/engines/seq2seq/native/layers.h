/* An int8 layer for several rows, shared out among the threads of a team. */
#pragma once

#include <stdint.h>

#include "abi.h"

/* What becomes of a layer's results: kept, added to what is there, or sent through an activation. */
typedef enum { KEEP = 0, ADD = 1, ACTIVATE = 2 } Fate;

typedef struct {
    const uint8_t *bytes; /* [rows][depth] */
    const float *peaks;   /* [rows] */
    long rows;
} Quantized;

/* For all threads of a team; they leave together. to [rows][stride] */
void multiply(const Linear *layer, const Quantized *input, Fate fate, int activation, float *to, long stride);

/* Use an instruction set, or the best one where `name` is null, from now on. Returns its name; null where this processor
 * or this library has it not. Nothing may be computed before it was called. */
PUBLIC const char *precis_choose(const char *name);
