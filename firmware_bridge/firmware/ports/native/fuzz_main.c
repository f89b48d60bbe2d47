// SPDX-License-Identifier: Apache-2.0
// A fuzzer for compilers without libFuzzer: a corpus, and what chance makes of it.
//
//     fuzz -runs=N -seed=N FILE...
//
// Law of the file: the same arguments give the same inputs; nothing is learnt from them.
// Read next: fuzz.c.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT_BYTES = 4096, MAX_FILES = 4096, MAX_CHANGES = 6 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    uint8_t *data;
    size_t size;
};

static uint64_t state;

static size_t below(size_t limit) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (size_t)((state >> 16) % limit);
}

static void load(const char *path, struct input *input) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(2);
    }
    input->data = malloc(INPUT_BYTES);
    input->size = fread(input->data, 1, INPUT_BYTES, file);
    fclose(file);
}

// One change: a bit, a byte, bytes left out, doubled, or taken from another input.
static size_t change(uint8_t *data, size_t size, const struct input *other) {
    size_t at = below(size + 1);
    size_t count = 1 + below(8);
    switch (below(6)) {
    case 0:
        if (at < size)
            data[at] = (uint8_t)(data[at] ^ 1u << below(8));
        return size;
    case 1:
        if (at < size)
            data[at] = (uint8_t)below(256);
        return size;
    case 2:
        return at > 0 ? at : size;
    case 3:
        if (at + count > size)
            return size;
        memmove(data + at, data + at + count, size - at - count);
        return size - count;
    case 4:
        if (size + count > INPUT_BYTES)
            return size;
        memmove(data + at + count, data + at, size - at);
        return size + count;
    default:
        if (at >= other->size || at >= size)
            return size;
        count = other->size - at < size - at ? other->size - at : size - at;
        memcpy(data + at, other->data + at, count);
        return size;
    }
}

int main(int count, char **arguments) {
    static struct input corpus[MAX_FILES];
    size_t files = 0;
    unsigned long runs = 100000;
    state = 1;
    for (int i = 1; i < count; i++) {
        if (strncmp(arguments[i], "-runs=", 6) == 0)
            runs = strtoul(arguments[i] + 6, NULL, 10);
        else if (strncmp(arguments[i], "-seed=", 6) == 0)
            state = strtoull(arguments[i] + 6, NULL, 10) | 1u;
        else if (files < MAX_FILES)
            load(arguments[i], &corpus[files++]);
    }
    if (files == 0) {
        fprintf(stderr, "name the files of a corpus\n");
        return 2;
    }
    for (unsigned long run = 0; run < runs; run++) {
        const struct input *from = &corpus[run % files];
        uint8_t *data = malloc(INPUT_BYTES);
        size_t size = from->size;
        memcpy(data, from->data, size);
        for (size_t left = run < files ? 0 : 1 + below(MAX_CHANGES); left > 0; left--)
            size = change(data, size, &corpus[below(files)]);
        uint8_t *exact = malloc(size == 0 ? 1 : size); // the sanitizer sees a step beyond
        memcpy(exact, data, size);
        LLVMFuzzerTestOneInput(exact, size);
        free(exact);
        free(data);
    }
    printf("%lu inputs from %zu files were borne\n", runs, files);
    return 0;
}
