# SPDX-License-Identifier: Apache-2.0
"""Floor 4: what nodes say to each other over MQTT, and the brokers that carry it.

Law of the floor: the protocol does no I/O, transports are thin shells, callbacks only enqueue; the
broker is a lossy transport, never the store. It knows neither chain nor trainer.
Read next: protocol.py.
"""
