// SPDX-License-Identifier: Apache-2.0
// Verilator counts ones by shifts and masks; the compiler knows the processor's instruction.
//
// Law of the file: what Verilator's functions return, these do.
#pragma once
#include "verilated.h"

#undef VL_COUNTONES_Q
#define VL_COUNTONES_Q(word) static_cast<IData>(__builtin_popcountll(word))
