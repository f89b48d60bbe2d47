// SPDX-License-Identifier: Apache-2.0
// CPUID on x86, HWCAP on ARM; see cpu.h.
#include "cpu.h"

#if defined(__arm__) || defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#elif defined(__x86_64__)
#include <cpuid.h>
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

int cpu_hashes(void) {
#if defined(__x86_64__)
    // Leaf 7 tells of SHA in EBX; __builtin_cpu_supports does not know of it before GCC 14.
    unsigned eax, ebx, ecx, edx;
    __builtin_cpu_init(); // asked before main, too
    if (!__builtin_cpu_supports("sse4.1") || !__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx))
        return 0;
    return ebx >> 29 & 1;
#elif defined(__aarch64__)
    return (getauxval(AT_HWCAP) & HWCAP_SHA2) != 0;
#else
    return 0;
#endif
}
