// SPDX-License-Identifier: Apache-2.0
// Bit-sliced evaluation over some vector type; see bitslice_plan.h for what is computed.
//
// Included once by each bitslice_<path>.c, which defines before it
//   V                          the vector, V_BYTES its size
//   load(p), store(p, v)       aligned to the vector
//   spread(u)                  u, a uint64_t, in every 64 bits
//   xor2, and2, or2
//   and_not(a, b)              ~a & b
//   xor3, majority             of three
//   borrow(a, b, c)            majority(~a, b, c)
//   BITSLICE_OPS               the name of the function that returns the path
// Law of the file: no branch depends on a plane; loop counts depend on the architecture alone, or
// on the signs of one listed channel.
// Read next: bitslice_scalar.c.
#include "bitslice_ops.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

typedef unsigned char byte;

// Add two planes to a plane of the counter and return the carry; or subtract and return the borrow.
ALWAYS_INLINE V add2(V *sum, V a, V b, const int subtract) {
    V carry = subtract ? borrow(*sum, a, b) : majority(*sum, a, b);
    *sum = xor3(*sum, a, b);
    return carry;
}

ALWAYS_INLINE V add1(V *sum, V a, const int subtract) {
    V carry = subtract ? and_not(*sum, a) : and2(*sum, a);
    *sum = xor2(*sum, a);
    return carry;
}

// Harley and Seal's tree: so many planes go into the counter's lowest ones, and one carry comes
// out of them.
ALWAYS_INLINE V add_pair(V *c, const byte *base, const int32_t *o, const int subtract) {
    return add2(c, load(base + o[0]), load(base + o[1]), subtract);
}

ALWAYS_INLINE V add_four(V *c, const byte *base, const int32_t *o, const int subtract) {
    V a = add_pair(c, base, o, subtract);
    V b = add_pair(c, base, o + 2, subtract);
    return add2(c + 1, a, b, subtract);
}

ALWAYS_INLINE V add_eight(V *c, const byte *base, const int32_t *o, const int subtract) {
    V a = add_four(c, base, o, subtract);
    V b = add_four(c, base, o + 4, subtract);
    return add2(c + 2, a, b, subtract);
}

ALWAYS_INLINE void carry_on(V *c, const int bits, V carry, const int subtract) {
    for (int k = 4; k < bits - 1; k++)
        carry = add1(c + k, carry, subtract);
    c[bits - 1] = xor2(c[bits - 1], carry);
}

// Add `count` planes to a counter of `bits` >= 5 planes, modulo 2^bits.
ALWAYS_INLINE void add_planes(V *c, const int bits, const byte *base, const int32_t *o,
                              int32_t count, const int subtract) {
    for (; count >= 16; count -= 16, o += 16) {
        V a = add_eight(c, base, o, subtract);
        V b = add_eight(c, base, o + 8, subtract);
        carry_on(c, bits, add2(c + 3, a, b, subtract), subtract);
    }
    if (count == 0)
        return;
    // The rest is 8 and 4 and 2 and 1: their carries meet on the way up.
    V eight = spread(0), four = spread(0), two = spread(0), carry = spread(0);
    if (count & 8) {
        eight = add_eight(c, base, o, subtract);
        o += 8;
    }
    if (count & 4) {
        four = add_four(c, base, o, subtract);
        o += 4;
    }
    if (count & 2) {
        two = add_pair(c, base, o, subtract);
        o += 2;
    }
    if (count & 1)
        carry = add1(c, load(base + o[0]), subtract);
    if (count & 3)
        carry = add2(c + 1, two, carry, subtract);
    if (count & 7)
        carry = add2(c + 2, four, carry, subtract);
    carry = add2(c + 3, eight, carry, subtract);
    carry_on(c, bits, carry, subtract);
}

ALWAYS_INLINE void begin(V *c, const int bits, const struct bitslice_channel *channel) {
    c[bits - 1] = spread(channel->start[bits - 1]);
    for (int k = 0; k < bits - 1; k++)
        c[k] = spread(channel->start[k]);
}

// Counting one channel in one window. c has room for `bits` planes.
ALWAYS_INLINE void count_listed(V *c, const int bits, const int depth,
                                const struct bitslice_layer *layer,
                                const struct bitslice_channel *channel, const byte *window) {
    begin(c, bits, channel);
    for (int k = 0; k < depth; k++) {
        const byte *base = window + (size_t)k * layer->listed_bit;
        add_planes(c + k, bits - k, base, channel->offsets, channel->ones, 1);
        add_planes(c + k, bits - k, base, channel->offsets + channel->ones, channel->twos, 0);
    }
}

ALWAYS_INLINE void count_tabled(V *c, const int bits, const int depth,
                                const struct bitslice_layer *layer,
                                const struct bitslice_channel *channel, const byte *window) {
    begin(c, bits, channel);
    for (int k = 0; k < depth; k++) {
        const byte *base = window + (size_t)k * layer->tabled_bit;
        const int32_t *twos = channel->offsets + channel->ones;
        add_planes(c + k, bits - k, base, channel->offsets, channel->ones, 0);
        add_planes(c + k + 1, bits - k - 1, base, twos, channel->twos, 0);
    }
}

// A kernel of nine 1-bit taps, tabled: three `ones` and three `twos`. The first value is 118 to 128
// and the sum at most 9 more, so the highest plane is set at once or by the carry of the lowest
// four.
ALWAYS_INLINE V nine_taps(const struct bitslice_channel *channel, const byte *window) {
    const int32_t *o = channel->offsets;
    const uint64_t *start = channel->start;
    V sum = load(window + o[0]);
    V two_a = add_pair(&sum, window, o + 1, 0);
    V two_b = and2(sum, spread(start[0]));
    sum = load(window + o[3]);
    V four_a = add_pair(&sum, window, o + 4, 0);
    V four_b = add2(&sum, two_a, two_b, 0);
    V four_c = and2(sum, spread(start[1]));
    sum = four_a;
    V eight_a = add2(&sum, four_b, four_c, 0);
    V eight_b = and2(sum, spread(start[2]));
    return or2(majority(eight_a, eight_b, spread(start[3])), spread(start[7]));
}

// Count one channel at one place of the output: return the activation, and if `counter` is not
// NULL store the counter's planes there.
typedef V counting(const struct bitslice_layer *layer, const struct bitslice_channel *channel,
                   const byte *window, byte *counter);

static V count_nine_taps(const struct bitslice_layer *layer, const struct bitslice_channel *channel,
                         const byte *window, byte *counter) {
    size_t place = layer->tabled_place, row = place * (size_t)layer->map_width;
    V sign = nine_taps(channel, window);
    if (layer->pool) { // -1 iff all four are
        sign = and2(sign, nine_taps(channel, window + place));
        sign = and2(sign, nine_taps(channel, window + row));
        sign = and2(sign, nine_taps(channel, window + row + place));
    }
    (void)counter; // a hidden layer's
    return sign;
}

ALWAYS_INLINE V count_any(const int tabled, const int bits, const int depth,
                          const struct bitslice_layer *layer,
                          const struct bitslice_channel *channel, const byte *window,
                          byte *counter) {
    size_t place = tabled ? layer->tabled_place : layer->listed_place;
    size_t row = place * (size_t)layer->map_width;
    V sign = spread(UINT64_MAX), c[BITSLICE_MAX_BITS];
    for (size_t i = 0; i < (layer->pool ? 4 : 1); i++) {
        const byte *one = window + i / 2 * row + i % 2 * place;
        if (tabled)
            count_tabled(c, bits, depth, layer, channel, one);
        else
            count_listed(c, bits, depth, layer, channel, one);
        sign = and2(sign, c[bits - 1]);
    }
    for (int k = 0; counter != NULL && k < bits; k++)
        store(counter + (size_t)k * V_BYTES, c[k]);
    return sign;
}

// Constant widths keep the counters in registers; the plan prefers them.
#define COUNTING(name, tabled, bits, depth)                                                        \
    static V name(const struct bitslice_layer *layer, const struct bitslice_channel *channel,      \
                  const byte *window, byte *counter) {                                             \
        return count_any(tabled, bits, depth, layer, channel, window, counter);                    \
    }

COUNTING(count_tabled_8, 1, 8, 1)
COUNTING(count_tabled_10, 1, 10, 1)
COUNTING(count_tabled_12, 1, 12, 1)
COUNTING(count_tabled_wide, 1, layer->bits, layer->depth)
COUNTING(count_listed_8, 0, 8, 1)
COUNTING(count_listed_10, 0, 10, 1)
COUNTING(count_listed_12, 0, 12, 1)
COUNTING(count_listed_wide, 0, layer->bits, layer->depth)

static counting *choose(const struct bitslice_layer *layer, int tabled) {
    if (layer->depth == 1 && layer->bits == 8)
        return tabled ? count_tabled_8 : count_listed_8;
    if (layer->depth == 1 && layer->bits == 10)
        return tabled ? count_tabled_10 : count_listed_10;
    if (layer->depth == 1 && layer->bits == 12)
        return tabled ? count_tabled_12 : count_listed_12;
    return tabled ? count_tabled_wide : count_listed_wide;
}

// The table: b0 + b1 + b2 = ones + 2 * twos for the eight patterns of inverted taps.
ALWAYS_INLINE void make_triple(byte *entry, V a, V b, V c) {
    const V full = spread(UINT64_MAX);
    V ones = xor3(a, b, c);
    V twos = majority(a, b, c);
    V not_a = borrow(a, b, c), not_b = borrow(b, a, c), not_c = borrow(c, a, b);
    store(entry, ones);
    store(entry + V_BYTES, xor2(ones, full));
    entry += BITSLICE_TWOS * V_BYTES;
    store(entry, twos);
    store(entry + 7 * V_BYTES, xor2(twos, full));
    store(entry + 1 * V_BYTES, not_a);
    store(entry + 6 * V_BYTES, xor2(not_a, full));
    store(entry + 2 * V_BYTES, not_b);
    store(entry + 5 * V_BYTES, xor2(not_b, full));
    store(entry + 4 * V_BYTES, not_c);
    store(entry + 3 * V_BYTES, xor2(not_c, full));
}

// Make one row of the table. In a kernel as wide as the map, only every third place is read.
static void make_row(const struct bitslice_layer *layer, int32_t y, const byte *map, byte *table) {
    size_t row = (size_t)y * (size_t)layer->map_width;
    size_t plane = (size_t)layer->depth * V_BYTES;
    for (int32_t x = 0; x < layer->map_width; x++) {
        const byte *place = map + (row + (size_t)x) * layer->listed_place;
        int row_triples =
            layer->row_triples && x + 2 < layer->map_width && (layer->conv_width > 1 || x % 3 == 0);
        for (int32_t k = 0; k < layer->depth; k++) {
            const byte *in = place + (size_t)k * V_BYTES;
            byte *entry =
                table + (row + (size_t)x) * layer->tabled_place + (size_t)k * layer->tabled_bit;
            for (int32_t j = 0; j < layer->triples; j++) {
                make_triple(entry, load(in), load(in + plane), load(in + 2 * plane));
                entry += BITSLICE_TRIPLE * V_BYTES;
                in += 3 * plane;
            }
            for (int32_t r = 0; r < layer->rest && layer->row_triples; r++) {
                const byte *tap = in + (size_t)r * plane;
                if (row_triples)
                    make_triple(entry, load(tap), load(tap + layer->listed_place),
                                load(tap + 2 * layer->listed_place));
                entry += BITSLICE_TRIPLE * V_BYTES;
            }
            for (int32_t r = 0; r < layer->rest && layer->singles; r++) {
                V tap = load(in + (size_t)r * plane);
                store(entry, tap);
                store(entry + V_BYTES, xor2(tap, spread(UINT64_MAX)));
                entry += BITSLICE_SINGLE * V_BYTES;
            }
        }
    }
}

// Return where the window of an output place begins.
ALWAYS_INLINE size_t window_at(const struct bitslice_layer *layer, int32_t y, int32_t x) {
    size_t step = layer->pool ? 2 : 1;
    return step * ((size_t)y * (size_t)layer->map_width + (size_t)x);
}

// All channels, window by window: what a window reads stays in the cache.
static void hidden_layer(counting *count, const struct bitslice_layer *layer, const byte *map,
                         byte *table, byte *out) {
    int32_t step = layer->pool ? 2 : 1, rows_made = 0;
    size_t place = layer->tabled ? layer->tabled_place : layer->listed_place;
    const byte *source = layer->tabled ? table : map;
    for (int32_t y = 0; y < layer->out_height; y++) {
        int32_t rows_read = y * step + step - 1 + layer->kernel_height;
        for (; layer->tabled && rows_made < rows_read; rows_made++)
            make_row(layer, rows_made, map, table);
        for (int32_t x = 0; x < layer->out_width; x++) {
            const byte *window = source + window_at(layer, y, x) * place;
            for (int32_t c = 0; c < layer->channels; c++, out += V_BYTES)
                store(out, count(layer, &layer->channel[c], window, NULL));
        }
    }
}

// The last layer has one window, the whole map.
static void last_layer(counting *count, const struct bitslice_layer *layer, const byte *map,
                       byte *table, byte *out) {
    for (int32_t y = 0; layer->tabled && y < layer->map_height; y++)
        make_row(layer, y, map, table);
    for (int32_t c = 0; c < layer->channels; c++, out += (size_t)layer->bits * V_BYTES)
        count(layer, &layer->channel[c], layer->tabled ? table : map, out);
}

static void run_layer(const struct bitslice_layer *layer, const void *map, void *table, void *out) {
    counting *count = choose(layer, layer->tabled);
    if (layer->last)
        last_layer(count, layer, map, table, out);
    else if (layer->tabled && layer->depth == 1 && layer->fan_in == 9 && layer->group_count == 3)
        hidden_layer(count_nine_taps, layer, map, table, out);
    else
        hidden_layer(count, layer, map, table, out);
}

static void run_channel(const struct bitslice_layer *layer, const struct bitslice_channel *listed,
                        const void *map, void *planes) {
    counting *count = choose(layer, 0);
    byte *out = planes;
    if (layer->last) {
        count(layer, listed, map, out);
        return;
    }
    for (int32_t y = 0; y < layer->out_height; y++)
        for (int32_t x = 0; x < layer->out_width; x++, out += V_BYTES) {
            size_t offset = window_at(layer, y, x) * layer->listed_place;
            store(out, count(layer, listed, (const byte *)map + offset, NULL));
        }
}

// Let a counter of the last layer follow a changed input channel.
ALWAYS_INLINE void follow(const int bits, const struct bitslice_channel *listed, const byte *planes,
                          const byte *counter, byte *out) {
    V c[BITSLICE_MAX_BITS];
    for (int k = 0; k < bits; k++)
        c[k] = load(counter + (size_t)k * V_BYTES);
    add_planes(c, bits, planes, listed->offsets, listed->ones, 1);
    add_planes(c, bits, planes, listed->offsets + listed->ones, listed->twos, 0);
    for (int k = 0; k < bits; k++)
        store(out + (size_t)k * V_BYTES, c[k]);
}

static void run_follow(const struct bitslice_layer *last, const struct bitslice_channel *listed,
                       const void *planes, const void *counters, void *out) {
    for (int32_t i = 0; i < last->channels; i++) {
        size_t at = (size_t)(i * last->bits) * V_BYTES;
        const byte *counter = (const byte *)counters + at;
        if (last->bits == 8)
            follow(8, &listed[i], planes, counter, (byte *)out + at);
        else if (last->bits == 10)
            follow(10, &listed[i], planes, counter, (byte *)out + at);
        else
            follow(last->bits, &listed[i], planes, counter, (byte *)out + at);
    }
}

static int any_bit(V v) {
    uint64_t words[V_BYTES / sizeof(uint64_t)], any = 0;
    memcpy(words, &v, V_BYTES);
    for (size_t i = 0; i < V_BYTES / sizeof(uint64_t); i++)
        any |= words[i];
    return any != 0;
}

static int exchange(void *planes, void *map, size_t count, size_t stride) {
    byte *a = planes, *b = map;
    V differ = spread(0);
    for (size_t i = 0; i < count; i++, a += V_BYTES, b += stride * V_BYTES) {
        V mine = load(a), theirs = load(b);
        store(a, theirs);
        store(b, mine);
        differ = or2(differ, xor2(mine, theirs));
    }
    return any_bit(differ);
}

static int32_t count_ones(V v, uint8_t *counts) {
    uint64_t words[V_BYTES / sizeof(uint64_t)];
    int32_t ones = 0;
    memcpy(words, &v, V_BYTES);
    for (size_t i = 0; i < V_BYTES / sizeof(uint64_t); i++) {
        counts[i] = (uint8_t)__builtin_popcountll(words[i]);
        ones += counts[i];
    }
    return ones;
}

static int32_t correct(const struct bitslice_plan *plan, const void *counters, const void *labels,
                       uint8_t *counts) {
    const struct bitslice_layer *last = &plan->layers[plan->layer_count - 1];
    const int bits = last->bits;
    const byte *counter = counters, *label = labels;
    V wanted[BITSLICE_MAX_BITS], wanted_odd = spread(0), labelled = spread(0);
    for (int k = 0; k < bits; k++)
        wanted[k] = spread(0);
    for (int32_t i = 0; i < plan->classes; i++) {
        V mine = load(label + (size_t)i * V_BYTES);
        labelled = or2(labelled, mine);
        wanted_odd = or2(wanted_odd, and2(mine, spread(plan->odd[i])));
        for (int k = 0; k < bits; k++) {
            V plane = load(counter + (size_t)(i * bits + k) * V_BYTES);
            wanted[k] = or2(wanted[k], and2(mine, plane));
        }
    }
    // A class beats the label if wanted - its number is negative, or zero and the label is higher.
    V beaten = spread(0), higher = spread(0);
    for (int32_t i = plan->classes - 1; i >= 0; i--) {
        V less = borrow(wanted_odd, spread(plan->odd[i]), higher);
        for (int k = 0; k < bits; k++) {
            V plane = load(counter + (size_t)(i * bits + k) * V_BYTES);
            less = borrow(wanted[k], plane, less);
        }
        beaten = or2(beaten, less);
        higher = or2(higher, load(label + (size_t)i * V_BYTES));
    }
    return count_ones(and_not(beaten, labelled), counts);
}

const struct bitslice_ops *BITSLICE_OPS(void) {
    static const struct bitslice_ops ops = {V_BYTES,    run_layer, run_channel,
                                            run_follow, exchange,  correct};
    return &ops;
}
