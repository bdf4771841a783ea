/* The product of a block, in the best instruction set that this processor has. */
#pragma once

#include <stdint.h>

#include "abi.h"

/* sums [rows][BLOCK] = activations [rows][4 * groups] x one packed block [groups][BLOCK][4] */
typedef void Tiles(const uint8_t *activations, int64_t stride, int64_t rows, const int8_t *weights, int64_t groups,
                   int32_t *sums);

Tiles tiles_avx2, tiles_avxvnni, tiles_avx512vnni;
