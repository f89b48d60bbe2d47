// SPDX-License-Identifier: Apache-2.0
// What a model computes for one image, exactly.
//
// Law of the file: the logits of edge_node.spec.bnn in every bit; memory is the caller's.
// Read next: infer.c.
#ifndef EDGE_INFER_H
#define EDGE_INFER_H

#include "model.h"

// pixels[model->image_bytes], work[model->work_words]. Returns one logit a class, in `work`.
const int32_t *infer(const struct model *model, const uint8_t *pixels, uint32_t *work);

// The class with the greatest logit, the lowest index on a tie.
uint32_t infer_class(const int32_t *logits, uint32_t classes);

#endif
