# SPDX-License-Identifier: Apache-2.0
"""Floor 4: blocks and state on disk, the mempool, building, importing and reorganising.

Law of the floor: bad input never changes state; it knows neither gossip nor trainer, and declares
the ports that it needs.
Read next: importer.py.
"""
