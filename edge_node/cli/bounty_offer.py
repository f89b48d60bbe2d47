# SPDX-License-Identifier: Apache-2.0
"""`edge-node dataset publish --bounty`: a dataset of one's own on the market, in one transaction.

Rules R-53 to R-58; paper A, section 4.7. What is not said is chosen so that the bounty pays some
twenty records and the bond all second halves. The reserve stays here, sealed.
Law of the file: what an offer costs is told before anything else; the node judges the rest.
Read next: edge_node/spec/market.py, sending.py.
"""

from dataclasses import dataclass

from edge_node.cli.sending import NO_SIGNATURE, Draft, send_transaction
from edge_node.cli.session import Session
from edge_node.datasets.errors import DatasetError
from edge_node.datasets.store import DatasetStore
from edge_node.node.control import JsonObject, ask
from edge_node.primitives.types import Amount, DatasetId, Height
from edge_node.spec.transaction import DatasetUpload

RECORDS_PAID = 20
"""Bonuses that a bounty pays, unless --bonus says otherwise."""
OFFER_BLOCKS = 1_000
"""Blocks in which a dataset is mined on, unless --blocks says otherwise."""


class ReservePublic(DatasetError):
    """A dataset that others may have has no reserve that could be sealed."""

    reason = "dataset-reserve-public"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} is published already, so that others may have its reserve; offer a bounty for"
            " images that you have not published"
        )
        self.name = name


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What an uploader says of an offer; None for what is usual."""

    bounty: int
    """Coins for bonuses."""
    bonus: int | None
    """Coins for each record."""
    bond: int | None
    """Coins that pay the second halves if the reserve is not revealed."""
    blocks: int
    """Blocks in which the dataset is mined on."""
    fee: int
    """Coins for the miner of the block that confirms it."""


def offer_bounty(session: Session, dataset: DatasetId, terms: Terms) -> JsonObject:
    """Send the upload of a dataset of the data directory, and return what it says and costs.

    Raises
    ------
    ReservePublic, DatasetIncomplete, StoreCorrupt, ContentMismatch
        Nobody could judge by it, or its reserve is no secret.
    NodeNotRunning, RequestRefused
    """
    store = DatasetStore(session.directory.datasets)
    manifest = store.open(dataset).manifest
    if store.is_published(dataset):
        raise ReservePublic(manifest.name)
    reveal_blocks = session.directory.genesis().parameters.reveal_blocks
    height = int(str(ask(session.directory.control, "head", {})["height"]))
    bonus = max(1, terms.bounty // RECORDS_PAID) if terms.bonus is None else terms.bonus
    bond = -(-terms.bounty // 2) if terms.bond is None else terms.bond
    # The next block confirms it, at best.
    closing = height + 1 + terms.blocks + reveal_blocks

    def upload(draft: Draft) -> DatasetUpload:
        return DatasetUpload(
            sender=draft.sender,
            nonce=draft.nonce,
            manifest=manifest,
            bounty=Amount(terms.bounty),
            bonus=Amount(bonus),
            bond=Amount(bond),
            closing_height=Height(closing),
            fee=Amount(terms.fee),
            signature=NO_SIGNATURE,
        )

    answer = send_transaction(session, upload)
    return {
        **answer,
        "bounty": terms.bounty,
        "bonus": bonus,
        "bond": bond,
        "fee": terms.fee,
        "cost": terms.bounty + bond + terms.fee,
        "reveal_height": closing - reveal_blocks,
        "closing_height": closing,
    }
