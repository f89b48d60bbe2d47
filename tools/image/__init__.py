# SPDX-License-Identifier: Apache-2.0
"""A card image with a node for Raspberry Pi Zero 2 W, 3 and 4: made, checked, given its settings.

Packages are Debian's, unpacked natively; nothing is run under an emulator, mounted, or as root.
Law of the folder: the same packages and the same wheel give the same image, bit for bit.
Read next: __main__.py, then README.md for who flashes one.
"""
