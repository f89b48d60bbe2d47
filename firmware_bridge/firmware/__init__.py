# SPDX-License-Identifier: Apache-2.0
"""The firmware's C99 sources, and what compiles them.

The core knows no board: crc32, cbor, frame, message, link, sha256, model, infer, selftest, device.
Law of the folder: no heap, no stdio, no float; at most 16 KB of flash and 8 KB of memory besides
the model.
Read next: port.h, build.py.
"""
