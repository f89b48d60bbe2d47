# SPDX-License-Identifier: Apache-2.0
"""Floor 0: plain types, the root of all errors, hashes, and the ports for time and chance.

Law of the floor: standard library only, no I/O; clock and randomness are Protocols, built where
the parts meet.
Read next: types.py, errors.py, hashing.py.
"""
