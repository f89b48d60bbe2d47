# SPDX-License-Identifier: Apache-2.0
"""Write tests/vectors/chain.json and lottery_chain.json: `python -m tools.make_chain_vector`.

Whole small chains, of evolution and of a lottery, mined by the toy miners of the tests: genesis,
dataset, one block of each kind as bytes, and the state root after each. Whoever changes the law so
that an old chain is judged otherwise learns it from these files, so they are mined anew only for a
new protocol version.
Law of the file: the law judges every block before it is written.
Read next: tests/spec/test_golden_chain.py, which validates them.
"""

import json
from pathlib import Path

from edge_node.spec.dataset import SplitName
from tests.spec import lottery_stages, stages
from tests.spec.toy_chain import toy_dataset

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "tests/vectors"
CHAINS = {
    "chain.json": (stages.network, stages.stages),
    "lottery_chain.json": (lottery_stages.network, lottery_stages.stages),
}
"""File -> what makes its network and its blocks."""


def render(name: str) -> str:
    """Return the text of a file."""
    network, blocks_of = CHAINS[name]
    dataset = toy_dataset()
    blocks = []
    for stage in blocks_of().values():
        after = stage.tip.validate(stage.block).state
        blocks.append(
            {
                "header": stage.header.encode().hex(),
                "body": stage.block.body.encode().hex(),
                "block_hash": stage.mined.block_hash.hex(),
                "model": stage.mined.model.blob().hex() if stage.mined.model else "",
                "state_root": after.root().hex(),
                "work": after.work,
            }
        )
    content = {
        "about": "A chain from its genesis. `splits`: images (uint8), then labels, of the only"
        " dataset. `state_root` and cumulative `work` are those after the block.",
        "genesis": network().genesis.encode().hex(),
        "splits": {
            name.name.lower(): (dataset.splits[name].images + dataset.splits[name].labels).hex()
            for name in SplitName
        },
        "blocks": blocks,
    }
    return json.dumps(content, indent=1) + "\n"


def main() -> None:
    """Write every file."""
    for name in CHAINS:
        path = FOLDER / name
        path.write_text(render(name))
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
