# SPDX-License-Identifier: Apache-2.0
"""Limits and fixed numbers of the law, each with its unit and its reason.

What a network may choose is not here but in its genesis (genesis.py). Changing a value here
changes the protocol version.
Law of the file: integers only.
Read next: encoding.py.
"""

PROTOCOL_VERSION = 1
"""The newest version that this program knows; first element of genesis, manifest and blob."""
PROTOCOL_VERSION_AT_START = 1
"""First element of every header until a network's first upgrade."""

PPM = 1_000_000
"""Parts per million: the denominator of every `_ppm` fraction."""

# Encoding
MAX_DEPTH = 8
"""Nested arrays or maps in one consensus value."""
MAX_ITEMS = 20_000
"""Values in one consensus encoding; 1 MiB of one-byte integers would cost a Pi seconds."""
MAX_TEXT_BYTES = 256
"""A text string: names and labels only."""

# Messages and blocks
MAX_HEADER_BYTES = 640
"""A header is about 500 bytes; anything longer is not one."""
MAX_PROOF_BYTES = 163_840
"""An imported model of 1.17M weights; a recipe of 4,000 steps takes about 16 KB."""
MAX_TRANSACTIONS_BYTES = 196_608
"""About 1,400 transfers, beside a model within the 255 KB of paper A, section 5.1."""
MAX_TRANSACTIONS = 1_400
"""Transactions in one block; each is a few items of MAX_ITEMS."""
MAX_BODY_BYTES = MAX_PROOF_BYTES + MAX_TRANSACTIONS_BYTES + 4_096
"""Transactions, `have` list and proof together."""
MAX_HAVE = 16
"""Datasets named in one block's `have` list."""
MAX_TRANSPORT_BYTES = 1 << 20
"""A full model of `MAX_CONNECTIONS` weights is 512 KiB and its thresholds."""

MAX_TRANSACTION_BYTES = 1_536
"""Above the largest transaction there is: evidence, two headers."""
MAX_MANIFEST_BYTES = 256
"""Above the largest manifest there is, 209 bytes."""
MAX_CHECKPOINT_BYTES = 256
"""Above the largest checkpoint there is, 143 bytes."""
MAX_GENESIS_BYTES = 65_536
"""Who joins gets the genesis in one message of this size."""

# Models
MAX_LAYERS = 16
"""Layers of an architecture."""
MAX_CHANNELS = 1_024
"""Channels of a layer or of the input."""
MAX_SIDE = 64
"""Height or width of an input, in pixels."""
MAX_KERNEL = 64
"""Side of a kernel; a dense layer's kernel covers its whole map."""
MAX_FAN_IN = 16_384
"""Weights of one channel: a mismatch count stays within int16."""
MAX_CLASSES = 256
"""Labels are one byte."""
MAX_CONNECTIONS = 1 << 22
"""Weights of one model, whatever a genesis allows."""
MAX_MACS_PER_IMAGE = 1 << 28
"""Multiplications for one image: bounds what a hostile founder can make others compute."""
MAX_LOGIT_BIAS = 1 << 15
"""Absolute value of a logit bias."""

# Integer training
LATENT_MAX = 32_767
"""Latents saturate at +-LATENT_MAX (int16)."""
LATENT_INIT_RANGE = 1_000
"""Latents start uniform in +-LATENT_INIT_RANGE."""
BIAS_LATENT_MAX = 1 << 18
"""Bias latents saturate at +-BIAS_LATENT_MAX."""
BIAS_SHIFT = 4
"""A bias latent enters the pre-activation shifted right by this."""
MAX_BATCH = 64
"""Samples of one training step; part of the overflow proof (R-9)."""
MAX_GRADIENT = (1 << 31) - 1
"""A summed gradient must fit int32 on every machine."""
MAX_LEARNING_SHIFT = 24
"""Learning rates of paper B's step go down to 2**-24: a gradient of int32 still moves something."""
MAX_RELATIVES = 16
"""Last blocks of a family that its state lists, and that a burst may cross with."""

# Ladder
MAX_RUNG = 7
"""The highest rung: a fallback block is allowed."""
GAIN_RUNGS = 4
"""Rungs 1..4 halve the needed gain once each."""
NEXT_FAMILY_RUNG = 5
"""From here the next family in turn may go instead."""
FOUNDER_RUNG = 6
"""From here anyone may found a family."""

# Ledger
MAX_AMOUNT = (1 << 64) - 1
"""Amounts are u64."""
REWARD_MATURITY_BLOCKS = 20
"""Rewards can be spent this many blocks after the block that pays them."""
EVIDENCE_WINDOW_BLOCKS = 20
"""Double signing is punished within so many blocks: later, no reward of it is immature."""
REPORTER_SHARE = 10
"""One coin in so many that are burned goes to who reported."""
HAVE_WINDOW_BLOCKS = 64
"""Blocks whose `have` lists are remembered."""
MIN_HOLDERS = 3
"""Keys that must say that they hold a dataset, or all who mine if they are fewer."""
MAX_OFFER_BLOCKS = 1 << 20
"""Blocks between an upload and its closing height."""
MAX_COMMIT_AGE_BLOCKS = 1_000
"""A commitment that founded nothing in so many blocks is forgotten."""
COMMIT_SALT_BYTES = 32
"""Salt of a commitment."""

# Datasets
CHUNK_BYTES = 65_536
"""A dataset travels in chunks of this size, each named by its hash."""
MAX_DATASET_BYTES = 1 << 31
"""The hashes of its chunks, 1 MiB, travel as one parcel."""
MAX_DATASETS = 64
"""Datasets in one state that are not closed."""
