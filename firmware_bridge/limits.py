# SPDX-License-Identifier: Apache-2.0
"""Version and limits of the protocol between a host and a microcontroller.

Made by firmware_bridge/generate.py from protocol.toml; change that, not this.
Law of the file: generated, and equal to the source: a test says so.
Read next: messages.py.
"""

PROTOCOL_VERSION = 1
"""The first byte of every frame."""
FRAME_BYTES_MIN = 256
"""The least max_frame_bytes that a device may announce, and all that it takes before HELLO."""
FRAME_BYTES_DEVICE_MAX = 4096
"""The greatest max_frame_bytes that a device may announce."""
FRAME_BYTES_HOST_MAX = 65535
"""The greatest max_frame_bytes that a host may announce."""
HASH_BYTES = 32
"""Bytes of a SHA-256."""
VALUE_DEPTH_MAX = 4
"""Arrays and maps within each other, the payload's own map counted."""
VALUE_ITEMS_MAX = 512
"""Values in one payload, the payload's own map counted, keys not."""
VALUE_TEXT_BYTES_MAX = 256
"""Bytes of any text."""
PUSH_REPEAT_MS = 500
"""Milliseconds after which a device sends a push again that nobody has acknowledged."""
PUSH_ATTEMPTS_MAX = 60
"""How often a device sends one push; then it stops sampling, as the host is gone."""
