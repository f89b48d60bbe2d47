// SPDX-License-Identifier: Apache-2.0
// Images and labels in planes: slicing them, and putting them in another order; see bitslice.h.
//
// Law of the file: where the last block has no image, every plane is 0.
// Read next: bitslice.c.
#include "bitslice_images.h"

#include <stdlib.h>
#include <string.h>

static const struct bitslice_ops *ops_of(int path) {
    if (!edge_path_supported(path))
        return NULL;
    switch (path) {
    case EDGE_SCALAR:
        return bitslice_ops_scalar();
#if defined(__x86_64__)
    case EDGE_AVX2:
        return bitslice_ops_avx2();
    case EDGE_AVX512:
        return bitslice_ops_avx512();
#elif defined(__aarch64__) || defined(__arm__)
    case EDGE_NEON:
        return bitslice_ops_neon();
#endif
    default:
        return NULL;
    }
}

// Transpose eight bytes: bit k of byte i of `bytes` becomes bit i of the result.
static uint64_t gather_bit(uint64_t bytes, int32_t k) {
    return (bytes >> k & UINT64_C(0x0101010101010101)) * UINT64_C(0x0102040810204080) >> 56;
}

// Slice up to 64 images: write word `word` of each plane of a block.
static void slice_word(uint8_t *block, size_t word, size_t word_bytes, const uint8_t *pixels,
                       size_t image_bytes, int64_t count, int32_t input_bits) {
    for (size_t p = 0; p < image_bytes; p++) {
        uint64_t planes[BITSLICE_PIXEL_BITS] = {0};
        for (int64_t i = 0; i < count; i += 8) {
            uint64_t bytes = 0;
            for (int64_t j = 0; j < 8 && i + j < count; j++)
                bytes |= (uint64_t)pixels[(size_t)(i + j) * image_bytes + p] << 8 * j;
            if (input_bits == 1) // below 128 is -1
                planes[0] |= gather_bit(~bytes, BITSLICE_PIXEL_BITS - 1) << i;
            else
                for (int32_t k = 0; k < BITSLICE_PIXEL_BITS; k++)
                    planes[k] |= gather_bit(bytes, k) << i;
        }
        for (int32_t k = 0; k < input_bits; k++, block += word_bytes)
            memcpy(block + word * sizeof planes[k], &planes[k], sizeof planes[k]);
    }
}

struct edge_images *edge_images_new(int path, const uint8_t *pixels, int64_t count,
                                    int32_t image_bytes, int32_t input_bits) {
    const struct bitslice_ops *ops = ops_of(path);
    struct edge_images *images = ops == NULL ? NULL : bitslice_allocate(1, sizeof *images);
    if (images == NULL)
        return NULL;
    int64_t block_images = (int64_t)ops->word_bytes * 8;
    images->ops = ops;
    images->count = count;
    images->blocks = (count + block_images - 1) / block_images;
    images->block_bytes = (size_t)image_bytes * (size_t)input_bits * ops->word_bytes;
    images->planes = bitslice_allocate((size_t)images->blocks, images->block_bytes);
    if (images->planes == NULL) {
        edge_images_free(images);
        return NULL;
    }
    for (int64_t first = 0; first < count; first += BITSLICE_WORD_IMAGES) {
        int64_t some = count - first < BITSLICE_WORD_IMAGES ? count - first : BITSLICE_WORD_IMAGES;
        uint8_t *block = images->planes + (size_t)(first / block_images) * images->block_bytes;
        slice_word(block, (size_t)(first % block_images / BITSLICE_WORD_IMAGES), ops->word_bytes,
                   pixels + (size_t)first * (size_t)image_bytes, (size_t)image_bytes, some,
                   input_bits);
    }
    return images;
}

void edge_images_free(struct edge_images *images) {
    if (images == NULL)
        return;
    free(images->planes);
    free(images);
}

// Transpose eight by eight bits: bit k of byte i becomes bit i of byte k.
static uint64_t transpose(uint64_t x) {
    x = (x & UINT64_C(0xAA55AA55AA55AA55)) | (x & UINT64_C(0x00AA00AA00AA00AA)) << 7 |
        (x >> 7 & UINT64_C(0x00AA00AA00AA00AA));
    x = (x & UINT64_C(0xCCCC3333CCCC3333)) | (x & UINT64_C(0x0000CCCC0000CCCC)) << 14 |
        (x >> 14 & UINT64_C(0x0000CCCC0000CCCC));
    return (x & UINT64_C(0xF0F0F0F00F0F0F0F)) | (x & UINT64_C(0x00000000F0F0F0F0)) << 28 |
           (x >> 28 & UINT64_C(0x00000000F0F0F0F0));
}

// Where 64 images lie in the planes of their block.
static uint8_t *word_of(const struct edge_images *images, int64_t first) {
    size_t word = (size_t)first / BITSLICE_WORD_IMAGES, words = images->ops->word_bytes / 8;
    return images->planes + word / words * images->block_bytes + word % words * 8;
}

// Write rows[image][8 * octet + bit], all images of the last word too: the same bits as in the
// planes, image by image.
static void planes_to_rows(const struct edge_images *images, uint8_t *rows, size_t row_bytes) {
    size_t apart = images->ops->word_bytes, planes = images->block_bytes / apart;
    for (int64_t first = 0; first < images->count; first += BITSLICE_WORD_IMAGES) {
        const uint8_t *word = word_of(images, first);
        uint8_t *row = rows + (size_t)first * row_bytes;
        for (size_t octet = 0; octet < row_bytes; octet++) {
            uint64_t tile[8] = {0};
            for (size_t k = 0; k < 8 && 8 * octet + k < planes; k++)
                memcpy(&tile[k], word + (8 * octet + k) * apart, sizeof tile[k]);
            for (size_t y = 0; y < 8; y++) {
                uint64_t bits = 0;
                for (size_t k = 0; k < 8; k++)
                    bits |= (tile[k] >> 8 * y & 0xFF) << 8 * k;
                bits = transpose(bits);
                for (size_t i = 0; i < 8; i++)
                    row[(8 * y + i) * row_bytes + octet] = (uint8_t)(bits >> 8 * i);
            }
        }
    }
}

// Write the planes of rows[order[i]] for every image i.
static void rows_to_planes(const struct edge_images *images, const uint8_t *rows, size_t row_bytes,
                           const int64_t *order) {
    size_t apart = images->ops->word_bytes, planes = images->block_bytes / apart;
    for (int64_t first = 0; first < images->count; first += BITSLICE_WORD_IMAGES) {
        uint8_t *word = word_of(images, first);
        const uint8_t *row[BITSLICE_WORD_IMAGES];
        for (int64_t i = 0; i < BITSLICE_WORD_IMAGES; i++) // beyond the images, rows are 0
            row[i] = rows +
                     (size_t)(first + i < images->count ? order[first + i] : first + i) * row_bytes;
        for (size_t octet = 0; octet < row_bytes; octet++) {
            uint64_t tile[8] = {0};
            for (size_t y = 0; y < 8; y++) {
                uint64_t bits = 0;
                for (size_t i = 0; i < 8; i++)
                    bits |= (uint64_t)row[8 * y + i][octet] << 8 * i;
                bits = transpose(bits);
                for (size_t k = 0; k < 8; k++)
                    tile[k] |= (bits >> 8 * k & 0xFF) << 8 * y;
            }
            for (size_t k = 0; k < 8 && 8 * octet + k < planes; k++)
                memcpy(word + (8 * octet + k) * apart, &tile[k], sizeof tile[k]);
        }
    }
}

struct edge_images *edge_images_reordered(const struct edge_images *images, const int64_t *order) {
    struct edge_images *other = bitslice_allocate(1, sizeof *other);
    size_t row_bytes = (images->block_bytes / images->ops->word_bytes + 7) / 8;
    size_t words = ((size_t)images->count + BITSLICE_WORD_IMAGES - 1) / BITSLICE_WORD_IMAGES;
    uint8_t *rows = bitslice_allocate(words * BITSLICE_WORD_IMAGES, row_bytes);
    if (other != NULL) {
        *other = *images;
        other->planes = bitslice_allocate((size_t)images->blocks, images->block_bytes);
    }
    if (other == NULL || other->planes == NULL || rows == NULL) {
        edge_images_free(other);
        free(rows);
        return NULL;
    }
    planes_to_rows(images, rows, row_bytes);
    rows_to_planes(other, rows, row_bytes, order);
    free(rows);
    return other;
}

void bitslice_label_planes(const struct edge_images *images, int64_t block, const uint8_t *labels,
                           int32_t classes, uint8_t *planes) {
    size_t word_bytes = images->ops->word_bytes;
    int64_t first = block * (int64_t)word_bytes * 8, end = first + (int64_t)word_bytes * 8;
    memset(planes, 0, (size_t)classes * word_bytes);
    for (int64_t i = first; i < end && i < images->count; i++)
        if (labels[i] < classes) {
            uint8_t *plane = planes + labels[i] * word_bytes;
            uint64_t word;
            uint8_t *at = plane + (size_t)((i - first) / BITSLICE_WORD_IMAGES) * sizeof word;
            memcpy(&word, at, sizeof word);
            word |= UINT64_C(1) << (i - first) % BITSLICE_WORD_IMAGES;
            memcpy(at, &word, sizeof word);
        }
}
