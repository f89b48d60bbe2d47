# SPDX-License-Identifier: Apache-2.0
"""Write tests/vectors/chain.json: `python -m tools.make_chain_vector`.

A whole small chain, mined by the toy miner of the tests: genesis, dataset, one block of each kind
as bytes, and the state root after each. Whoever changes the law so that an old chain is judged
otherwise learns it from this file, so it is mined anew only for a new protocol version.
Law of the file: the law judges every block before it is written.
Read next: tests/spec/test_golden_chain.py, which validates the file.
"""

import json
from pathlib import Path

from edge_node.spec.dataset import SplitName
from tests.spec.stages import network, stages
from tests.spec.toy_chain import toy_dataset

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "tests/vectors/chain.json"


def render() -> str:
    """Return the text of the file."""
    dataset = toy_dataset()
    blocks = []
    for stage in stages().values():
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
    """Write the file."""
    FILE.write_text(render())
    print(FILE.relative_to(ROOT))


if __name__ == "__main__":
    main()
