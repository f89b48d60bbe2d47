# SPDX-License-Identifier: Apache-2.0
"""Write tests/vectors/*.json from the law: `python -m tools.make_vectors`.

Whoever builds a fast twin of the law, in C, for a microcontroller or in an FPGA, holds it against
these files; each says in `about` what its fields mean. Bytes are hex, and where there are many they
are the output of SHAKE-128 for a seed in ASCII.
Law of the file: everything comes from edge_node/spec; nothing here computes what is checked.
Read next: block_vectors.py; make_training_vectors.py, which writes training.json.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from edge_node.primitives.hashing import Prf, shake128_u32, tagged_hash
from edge_node.primitives.types import BlockHash, NetworkId, PublicKey
from edge_node.spec import evaluation, transport
from edge_node.spec.architecture import (
    BINARY_4K,
    DENSE_256,
    UINT8_1M,
    UINT8_4K,
    UINT8_94K,
    Architecture,
    LayerShape,
    conv,
    dense,
)
from edge_node.spec.encoding import Value, encode
from edge_node.spec.model import Model, packed_bytes, unpack_weights
from edge_node.spec.recipe import EvolutionRates, RecipeContext, Step, StepKind, apply_recipe
from tools import block_vectors
from tools.block_vectors import Json, hash_of

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "tests/vectors"

ODD = Architecture(
    height=9,
    width=7,
    input_channels=3,
    input_bits=1,
    layers=(
        conv(5, same=True),
        conv(4, kernel=5, same=True, pool=True),
        conv(33, kernel=2),
        dense(6),
        dense(3),
    ),
)
ODD_BYTES = Architecture(
    height=8,
    width=9,
    input_channels=2,
    input_bits=8,
    layers=(conv(7, pool=True), conv(5, same=True), dense(3)),
)
SMALLEST = Architecture(height=1, width=1, input_channels=1, input_bits=1, layers=(dense(2),))
FAMILIES = {
    "smallest": SMALLEST,
    "odd": ODD,
    "odd, 8-bit input": ODD_BYTES,
    "4,440, 1-bit input": BINARY_4K,
    "4,440, 8-bit input": UINT8_4K,
    "784-256-10": DENSE_256,
}


def stretch(seed: str, count: int) -> bytes:
    """Return SHAKE-128 of an ASCII seed."""
    return hashlib.shake_128(seed.encode("ascii")).digest(count)


def make_model(architecture: Architecture, seed: str) -> Model:
    """Return a model of random weights, and thresholds that mostly decide something."""
    parts: list[bytes] = []
    thresholds: list[tuple[int, ...]] = []
    for index, shape in enumerate(architecture.shapes):
        weights = int.from_bytes(stretch(f"{seed}/weights/{index}", packed_bytes(shape)), "little")
        weights &= (1 << shape.weight_count) - 1
        parts.append(weights.to_bytes(packed_bytes(shape), "little"))
        draws = shake128_u32(f"{seed}/thresholds/{index}".encode(), shape.channels)
        thresholds.append(tuple(_threshold(shape, draw) for draw in draws))
    return Model(
        architecture=architecture,
        weights=unpack_weights(architecture, b"".join(parts)),
        thresholds=tuple(thresholds),
    )


def _threshold(shape: LayerShape, draw: int) -> int:
    least, most = shape.threshold_range
    if draw % 16 == 0:
        return most if draw & 16 else least
    spread = 40 * shape.fan_in if shape.eight_bit else 9 if shape.last else 3
    middle = 0 if shape.eight_bit or shape.last else shape.fan_in // 2
    return min(max(middle + draw % (2 * spread + 1) - spread, least), most)


def encoding_vectors() -> Json:
    """Return values with their encodings, and bytes that are none."""
    valid: list[tuple[str, Value]] = [
        *((str(number), number) for number in _EDGES),
        *((str(-1 - number), -1 - number) for number in _EDGES if number < 1 << 63),
        ("h''", b""),
        ("h'00ff'", b"\x00\xff"),
        ("24 bytes of 0", bytes(24)),
        ("256 bytes of 0", bytes(256)),
        ('""', ""),
        ('"é水"', "é水"),
        ("[]", []),
        ("[1, [2, h'03'], {}]", [1, [2, b"\x03"], {}]),
        ("[0, 1, ... 24]", list(range(25))),
        ("{0: 1, 23: [], 5: {0: h''}}", {0: 1, 23: [], 5: {0: b""}}),
        ("8 arrays deep", [[[[[[[[]]]]]]]]),
    ]
    return {
        "about": "Strict CBOR (R-2). Every `valid` decodes and encodes to the same bytes; every"
        " `invalid` is refused.",
        "valid": [{"value": name, "hex": encode(value).hex()} for name, value in valid],
        "invalid": [{"what": what, "hex": data} for what, data in _INVALID],
    }


_EDGES = (0, 1, 23, 24, 255, 256, 65_535, 65_536, (1 << 32) - 1, 1 << 32, (1 << 63) - 1, 1 << 63)
_INVALID = (
    ("nothing", ""),
    ("0 in two bytes", "1800"),
    ("23 in two bytes", "1817"),
    ("255 in three bytes", "1900ff"),
    ("65535 in five bytes", "1a0000ffff"),
    ("2**32 - 1 in nine bytes", "1b00000000ffffffff"),
    ("-2**63 - 1", "3b8000000000000000"),
    ("a length not in its shortest form", "580161"),
    ("an array of indefinite length", "9f01ff"),
    ("bytes of indefinite length", "5f4161ff"),
    ("a reserved length", "1c"),
    ("twice the same key", "a200010002"),
    ("keys out of order", "a201000000"),
    ("key 24", "a1181800"),
    ("key -1", "a12000"),
    ("a key of text", "a1616100"),
    ("a half float", "f93c00"),
    ("a double float", "fb3ff0000000000000"),
    ("NaN", "f97e00"),
    ("true", "f5"),
    ("null", "f6"),
    ("undefined", "f7"),
    ("a simple value", "e0"),
    ("a tag", "c100"),
    ("a big number", "c24101"),
    ("trailing bytes", "0000"),
    ("an array that ends early", "8201"),
    ("bytes that end early", "4261"),
    ("bytes of 2**64 - 1", "5bffffffffffffffff"),
    ("an array of 2**64 - 1", "9bffffffffffffffff"),
    ("text that is not UTF-8", "61ff"),
    ("text of a lone surrogate", "63eda080"),
    ("text of 257 bytes", "790101" + "61" * 257),
    ("9 arrays deep", "8181818181818181" + "80"),
)


def hashing_vectors() -> Json:
    """Return tagged hashes and draws of the PRF."""
    below: list[Json] = []
    for limit in (1, 2, 7, 4_392, (1 << 31) + 1, (1 << 32) - 1, 1 << 32):
        prf = Prf("recipe-step", b"below")
        below.append({"limit": limit, "values": [prf.below(limit) for _ in range(8)]})
    plain = Prf("recipe-step", bytes(109))
    return {
        "about": "R-1. `hash`: SHA-256 over `edge-node/v1/`, tag, a zero byte and the message."
        " `u32`: little-endian words of SHAKE-128 over the same with the seed for the message."
        " `below`: draws by rejection, each from the start of the stream with seed `below`"
        " (62656c6f77). `bare`: words of SHAKE-128 over the seed alone.",
        "hash": [
            {"tag": tag, "message": message.hex(), "hash": tagged_hash(tag, message).hex()}
            for tag, message in (("block", b""), ("model", b"abc"), ("merkle-leaf", bytes(200)))
        ],
        "u32": {
            "tag": "recipe-step",
            "seed": bytes(109).hex(),
            "values": [plain.u32() for _ in range(100)],
        },
        "below": below,
        "distinct": {"limit": 50, "values": list(Prf("recipe-step", b"below").distinct(50, 25))},
        "bare": {"seed": b"law".hex(), "values": list(shake128_u32(b"law", 20))},
    }


def model_vectors() -> Json:
    """Return blobs with what they compute."""
    models: list[Json] = []
    for name, architecture in FAMILIES.items():
        model = make_model(architecture, name)
        images = stretch(f"{name}/images", 7 * architecture.image_bytes)
        labels = bytes(v % architecture.classes for v in stretch(f"{name}/labels", 7))
        sliced = evaluation.slice_images(architecture, images)
        logits = evaluation.all_logits(model, sliced)
        models.append(
            {
                "name": name,
                "blob": model.blob().hex(),
                "model_hash": model.model_hash().hex(),
                "images": {"shake128": f"{name}/images", "count": 7},
                "labels": labels.hex(),
                "logits": [list(row) for row in logits],
                "logits_digest": evaluation.logits_digest(logits),
                "correct": evaluation.count_correct(model, sliced, labels),
            }
        )
    large: list[Json] = [
        {
            "name": name,
            "weights": "per layer SHAKE-128 of `name/weights/layer`, pad bits cleared",
            "model_hash": make_model(architecture, name).model_hash().hex(),
            "blob_bytes": len(make_model(architecture, name).blob()),
        }
        for name, architecture in (("93,556", UINT8_94K), ("1,165,108", UINT8_1M))
    ]
    return {
        "about": "R-3 to R-8. A model's canonical blob and its hash; its logits for images that are"
        " SHAKE-128 of a seed, uint8 (count, rows, columns, channels); SHA-256 over the logits as"
        " int32 little-endian; and how many of the labels (u8) are right.",
        "models": models,
        "large": large,
    }


def transport_vectors() -> Json:
    """Return transports, and deltas that are not the shortest."""
    cases: list[Json] = []
    for name, flips in (("odd", 0), ("odd", 1), ("odd", 40), ("4,440, 1-bit input", 57)):
        parent = make_model(FAMILIES[name], name)
        child = _child(parent, flips)
        cases.append(
            {
                "parent": parent.blob().hex(),
                "child": child.blob().hex(),
                "full": transport.encode_full(child).hex(),
                "delta": transport.encode_delta(parent, child).hex(),
            }
        )
    refused: list[tuple[str, Value]] = [
        ("an unknown kind", [2, b""]),
        ("a flip beyond the last weight", [1, 0, bytes(400) + b"\x01", b"", []]),
        ("a stream without a flip", [1, 0, b"\x00", b"", []]),
        ("remainders without a flip", [1, 0, b"", b"\x00", []]),
        ("a parameter that is not the shortest", [1, 15, b"\x01", b"\x00\x00", []]),
        ("a move by nothing", [1, 0, b"", b"", [0, 0]]),
        ("half a move", [1, 0, b"", b"", [0]]),
        ("parameter 16", [1, 16, b"", b"", []]),
    ]
    return {
        "about": "R-16. `full` decodes to `child` alone, `delta` with `parent`; both are the only"
        " encoding. Every `refused` is no delta to the first parent.",
        "transports": cases,
        "refused": [{"what": what, "hex": encode(value).hex()} for what, value in refused],
    }


def _child(parent: Model, flips: int) -> Model:
    steps = [Step(kind=StepKind.FLIP, nonce=nonce) for nonce in range(flips)]
    steps += [Step(kind=StepKind.THRESHOLD, nonce=nonce) for nonce in range(flips // 10)]
    return apply_recipe(parent, (), steps, EvolutionRates(mutate_ppm=0, cross_ppm=0), _context())


def _context() -> RecipeContext:
    return RecipeContext(
        network=NetworkId(hash_of("network")),
        base=BlockHash(hash_of("base")),
        miner=PublicKey(hash_of("miner")),
    )


def recipe_vectors() -> Json:
    """Return recipes with the child that they make."""
    base, other = make_model(ODD_BYTES, "base"), make_model(ODD_BYTES, "other")
    rates = EvolutionRates(mutate_ppm=200_000, cross_ppm=150_000)
    kinds = (StepKind.FLIP, StepKind.THRESHOLD, StepKind.CROSS)
    recipes = [[Step(kind=kind, nonce=nonce)] for kind in kinds for nonce in (0, (1 << 32) - 1)]
    recipes.append(
        [
            Step(kind=kinds[n % 3], nonce=n * n, partner=n % 2 if n % 3 == 2 else 0)
            for n in range(30)
        ]
    )
    context = _context()
    cases: list[Json] = []
    for steps in recipes:
        child = apply_recipe(base, (base, other), steps, rates, context)
        values: list[Value] = [step.value() for step in steps]
        cases.append(
            {
                "steps": encode(values).hex(),
                "child": child.blob().hex(),
                "model_hash": child.model_hash().hex(),
            }
        )
    return {
        "about": "R-10. `steps` (an encoded list) applied to `base`, crossed with `partners`.",
        "network": context.network.hex(),
        "base_block": context.base.hex(),
        "miner": context.miner.hex(),
        "mutate_ppm": rates.mutate_ppm,
        "cross_ppm": rates.cross_ppm,
        "base": base.blob().hex(),
        "partners": [base.blob().hex(), other.blob().hex()],
        "cases": cases,
    }


VECTORS: dict[str, Callable[[], Json]] = {
    "encoding": encoding_vectors,
    "hashing": hashing_vectors,
    "models": model_vectors,
    "transports": transport_vectors,
    "recipes": recipe_vectors,
    "signatures": block_vectors.signature_vectors,
    "merkle": block_vectors.merkle_vectors,
    "blocks": block_vectors.block_vectors,
}
"""File name -> what makes its content."""


def render(name: str) -> str:
    """Return the text of a file."""
    return json.dumps(VECTORS[name](), indent=1, ensure_ascii=True) + "\n"


def main() -> None:
    """Write every file."""
    FOLDER.mkdir(exist_ok=True)
    for name in VECTORS:
        path = FOLDER / f"{name}.json"
        path.write_text(render(name))
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
