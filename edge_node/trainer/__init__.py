# SPDX-License-Identifier: Apache-2.0
"""Floor 4: finds better models: founders by integer training, children by evolution.

Law of the floor: selects on the train split, accepts on evaluation; seeds are parameters. It knows
neither chain nor gossip.
Read next: evolve.py.
"""
