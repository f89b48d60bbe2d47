# SPDX-License-Identifier: Apache-2.0
"""Floor 2: fast twins of the law, in C by ctypes and in numpy where no compiler is.

A twin has the name and argument order of its definition in spec, and one test runs over all paths.
Law of the floor: equal to the law in every bit, or it does not belong here.
Read next: build.py, then csrc/.
"""
