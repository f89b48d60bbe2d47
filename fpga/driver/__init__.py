# SPDX-License-Identifier: Apache-2.0
"""The engine's driver: folding of networks, packets, and the overlay on pynq.

Law of the file: empty.
Read next: overlay.py.
"""
