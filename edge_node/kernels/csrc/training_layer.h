// SPDX-License-Identifier: Apache-2.0
// What a trainer holds: layers, their latents, what a sample and a batch leave in them.
//
// Shapes in comments: [H][W][C] is a layer's input map; O its channels, P the same with padding;
// F = kernel rows * kernel columns * C its weights per channel, R the same with padding. A place is
// an index into the output map, which is the pooled one where the layer is pooled.
// Law of the file: declarations only.
// Read next: training.c (memory), training_body.h (arithmetic).
#ifndef EDGE_TRAINING_LAYER_H
#define EDGE_TRAINING_LAYER_H

#include <stdint.h>

enum {
    TRAINING_ROW_LANES = 32,     // rows are padded to this many int16: the widest vector
    TRAINING_SLACK_BYTES = 192,  // after every array: whole vectors may overshoot
    TRAINING_PATTERNS = 512,     // of 3 x 3 pixels of one bit
    TRAINING_CORNERS = 4,        // places of a 2 x 2 window
    TRAINING_MAX_CHANNELS = 1024
};

// What a layer reads.
enum training_source {
    TRAINING_BITS,    // a map of bits, 1 for -1
    TRAINING_PATTERN, // the first map: 1 bit, 1 channel, 3 x 3 kernel; a patch is a 9-bit pattern
    TRAINING_PIXELS   // the first map: 8 bits, pixel - 128
};

// A signal on its way into a sum of rows.
struct training_term {
    uint32_t signal; // int16, twice: a 32-bit broadcast fills a vector of 16-bit lanes
    uint32_t row;    // where its row begins, in lanes
};

struct training_layer {
    enum training_source source;
    int32_t in_height, in_width, in_channels, kernel_height, kernel_width, channels;
    int32_t conv_height, conv_width, out_height, out_width;
    int32_t pooled;       // 2 x 2 maximum
    int32_t scale;        // of sums: 4 if pooled, which leaves room for the corner's number
    int32_t wide;         // sums need more than int16
    int32_t fan_in;       // F
    int32_t run;          // inputs of one kernel row, which lie side by side in the map
    int32_t run_words;    // 32-bit words of a run
    int32_t places;       // of the output map
    int32_t padded;       // P
    int32_t stride;       // R
    int32_t row_capacity; // rows that may wait to be summed
    int32_t window, signal_shift, clamp, threshold_slowdown; // A, r, D, st of the law

    int16_t *latents; // [O][R]
    int32_t *biases;  // [O], bias latents

    // What the latents say in this step.
    int16_t *shifted;       // [out_width][P]: bias latent >> 4, again for each place of a row
    uint32_t *weight_words; // BITS [kernel row][word of the run][P]
    int16_t *weight_masks;  // BITS [O][R]: -1 where the weight is -1, else 0
    int16_t *weight_signs;  // PIXELS [F][P]: +-1
    int16_t *table;         // PATTERN [pattern][P]: scale * sum

    // What one sample leaves.
    int16_t *values;       // [H][W][C]: BITS -1 or 0, PIXELS pixel - 128
    uint32_t *bits;        // BITS [H][W][C], one bit each
    uint32_t *runs;        // BITS [H][conv_width][word of the run]
    uint32_t *value_twice; // PIXELS [H][W][C]: the value in both halves
    uint32_t *value_pairs; // PIXELS [H][W][C]: the value, above it that of the pixel to its right
    uint16_t *patterns;    // PATTERN [H][W]: of the patch that begins here
    int16_t *sums;         // scale * sum of one row of places: [corner][out_width][P]
    int32_t *wide_sums;    // the same, if wide
    int16_t *pre;          // [place][P]: pre-activations
    int16_t *winners;      // [place][P]: corner whose sum was taken, 0 if not pooled
    int16_t *signals;      // [place][P]: d of the law
    int32_t *arriving;     // [H][W][C]: sum of d * w, for the layer below
    int32_t *patch;        // [R]: the share in `arriving` of one place

    // What the batch leaves.
    int16_t *rows;               // BITS [row][R]: patches of `values` that wait to be summed
    int32_t row_count;           // BITS
    int32_t gradient_begun;      // BITS: `gradient` holds sums of this batch
    struct training_term *terms; // BITS [O][row_capacity]: their signals
    int32_t *term_counts;        // BITS [O]
    int32_t *histogram;          // PATTERN [pattern][P]: sum of d
    uint32_t *signal_pairs;      // PIXELS [pair of places][P]: of one row of places
    int32_t *pixel_sums;         // PIXELS [F][P]: sum of d * x
    int32_t *gradient;           // [O][R]: PIXELS sum of d * x, else sum of d where x is -1
    int32_t *bias_gradient;      // [O]

    int64_t *gradient_sums; // [O][F], borrowed: gradients of all steps; NULL if nobody asks
};

struct edge_trainer;

// The arithmetic of one path.
struct training_path {
    void (*derive)(struct edge_trainer *);                // after latents were set
    void (*sample)(struct edge_trainer *, int64_t index); // forward and backward
    void (*update)(struct edge_trainer *, int32_t exponent);
    void (*shift)(struct edge_trainer *, int32_t shift); // the other end of a step
};

extern const struct training_path training_scalar, training_avx2, training_avx512, training_neon;

struct edge_trainer {
    const struct training_path *path;
    const uint8_t *images; // borrowed, [N][image_bytes]
    const uint8_t *labels; // borrowed, [N]
    int32_t image_bytes;
    int32_t layer_count;
    uint8_t *image;  // the sample's pixels, with slack behind
    int32_t *logits; // [O of the last layer]
    struct training_layer layers[];
};

#endif
