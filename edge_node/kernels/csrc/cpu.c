// SPDX-License-Identifier: Apache-2.0
// CPUID on x86, HWCAP on ARM; see cpu.h.
#include "cpu.h"

#if defined(__arm__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#if defined(__x86_64__)
static int has_avx512(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vpopcntdq") && __builtin_cpu_supports("avx512bitalg");
}
#endif

int edge_path_supported(int path) {
    switch (path) {
    case EDGE_SCALAR:
        return 1;
#if defined(__x86_64__)
    case EDGE_AVX2:
        return __builtin_cpu_supports("avx2") != 0;
    case EDGE_AVX512:
        return has_avx512();
#elif defined(__aarch64__)
    case EDGE_NEON:
        return 1;
#elif defined(__arm__)
    case EDGE_NEON:
        return (getauxval(AT_HWCAP) & HWCAP_NEON) != 0;
#endif
    default:
        return 0;
    }
}
