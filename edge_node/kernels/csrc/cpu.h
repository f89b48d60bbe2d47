// SPDX-License-Identifier: Apache-2.0
// Which instruction paths this processor can run.
//
// Every kernel exists once per path, each in its own file compiled with its own flags; the caller
// names the path. Law of the file: nothing is chosen here, only asked of the processor.
// Read next: cpu.c, then ../shared_object.py.
#ifndef EDGE_CPU_H
#define EDGE_CPU_H

#define EDGE_EXPORT __attribute__((visibility("default")))

enum edge_path {
    EDGE_SCALAR = 0, // plain C, any machine
    EDGE_AVX2 = 1,   // x86: AVX2
    EDGE_AVX512 = 2, // x86: AVX-512 F, BW, VL, DQ, VPOPCNTDQ, BITALG
    EDGE_NEON = 3,   // ARM: NEON (always there on arm64)
};

// Return 1 if the path was built into this library and this processor runs it, else 0.
EDGE_EXPORT int edge_path_supported(int path);

// Return 1 if this processor has instructions for SHA-256 for which a file of ours is.
int cpu_hashes(void);

#endif
