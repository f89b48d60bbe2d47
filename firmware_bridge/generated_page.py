# SPDX-License-Identifier: Apache-2.0
"""The text of PROTOCOL.md: the rules of the line, then every message, code and limit in tables.

Law of the file: numbers come from protocol.toml; only words stand here.
Read next: PROTOCOL.md.
"""

from edge_node_bridge.definition import Definition, FieldDefinition, MessageDefinition

_ROLES = {
    "request": "Requests: from the host, each answered by one frame of the same sequence",
    "answer": "Answers: from the device",
    "push": "Pushes: begun by the device, each acknowledged by the host",
    "acknowledgement": "Acknowledgements: from the host",
}
_RULES = """\
<!-- SPDX-License-Identifier: Apache-2.0 -->
<!-- Made by firmware_bridge/generate.py from protocol.toml; change that, not this. -->

# Protocol of the bridge, version {version}

A host and a microcontroller at the two ends of a serial line that keeps the order of bytes but may
lose, damage or repeat them. The device is small: it keeps one frame that comes, one short answer,
and one push.

## Frames

    frame   = COBS(header, payload, CRC) 0x00
    header  = version u8, type u8, sequence u16, payload length u16     little-endian
    payload = one map of the subset of CBOR below
    CRC     = CRC-32 of header and payload (zlib's), u32 little-endian

- COBS (consistent overhead byte stuffing) leaves no zero byte in a frame, so the next 0x00 ends it
  whatever was lost. Two zeros in a row are an empty frame, which is ignored: a host sends a 0x00
  before HELLO and before all that it repeats, to end what may lie half sent.
- **The length of a frame is that of header, payload and CRC**, before COBS: it is what
  `max_frame_bytes` limits. On the line it has one more byte for each begun 254, and the 0x00.
- Neither side sends a longer frame than the other has announced in HELLO or HELLO_ANSWER.
- A frame that is too long or too short, is no COBS, has another length than its header says, or
  another CRC, is thrown away and counted. Nothing answers it: whoever sent it repeats it.
- The first byte and the CRC will stay as they are in every version. A device answers a request of
  another version by ERROR with OTHER_VERSION, in a frame of its own version.

## Payloads

The deterministic subset of CBOR that blocks are made of: unsigned and negative integers of 64 bits,
bytes, text, arrays, and maps with keys 0..23 in rising order; shortest forms, definite lengths,
nothing after the value. The payload is a map; key i is field i of the message, and every field is
there. A message without fields is the empty map, 0xA0. Within VALUE_DEPTH_MAX, VALUE_ITEMS_MAX and
VALUE_TEXT_BYTES_MAX.

## Requests

- The host sends a request and waits for the answer of the same sequence: one frame is on its way
  at any time (stop and wait). Without an answer in time it sends the same bytes again.
- The sequence of HELLO is drawn by the host; each next request has the next one, modulo 65,536.
- The device keeps its last answer with the sequence and the CRC of the request. **The same request
  again, by sequence and CRC, is answered by the kept answer and not carried out twice.** A request
  with the next sequence is carried out; HELLO is carried out with whatever sequence. All others are
  answered by ERROR with OUT_OF_STEP, which does not replace the kept answer.
- An answer of another sequence is an old one, of a request that was repeated: the host drops it.
- An ERROR is an answer as any other: it is kept, and the sequence goes on. But NOT_GREETED,
  OTHER_VERSION and OUT_OF_STEP say that the request was not looked at, and the device's sequence
  stays where it is.

## Sessions: a reset in the middle, and what is old

- HELLO has a number drawn by the host, `session`, and HELLO_ANSWER gives it back. As the line keeps
  the order of bytes, everything that comes after the answer with this number belongs to this
  session, and everything before it, answers and pushes, is old: the host drops it.
- A device that was reset has forgotten that it was greeted, and answers every request but HELLO by
  ERROR with NOT_GREETED. So the host learns of a reset at its next request, even if it was the
  answer to this very request that was lost, and greets again; it must push its model again if
  HELLO_ANSWER names none.
- HELLO stops sampling, and forgets a model or an image of which only a part has come. It keeps a
  model that is ready, the label, and the counters.
- Before HELLO no side sends a frame above FRAME_BYTES_MIN; HELLO and HELLO_ANSWER are below it.

## Pushes

- A device sends a push with its own sequence, **from 0 after each SAMPLE_START**, and again every
  PUSH_REPEAT_MS until ACK with this sequence comes: one push is on its way at any time, beside an
  answer. After PUSH_ATTEMPTS_MAX it stops sampling. SAMPLE_STOP, a new SAMPLE_START and HELLO give
  up the push that is on its way.
- From SAMPLE_START until its answer has come the host drops all pushes without an ACK: they may be
  of the sampling before. From the answer on it waits for sequence 0.
- The host waits for one sequence. It acknowledges and delivers a push that has it, acknowledges
  but does not deliver one with the sequence before it (its ACK was lost), and drops all others. A
  host with no room for more does not acknowledge: the device waits.
- ACK is not answered, has an empty payload, and one that nobody waits for is ignored.
- A host may send a request while a push goes. A device that can not take its bytes meanwhile loses
  the request, and a host waits long before it repeats it: so pushes are short.

## Models and images

- MODEL_BEGIN throws the present model away, MODEL_CHUNK brings the canonical blob in order, and
  MODEL_END answers when hash and rules were checked. Until then nothing can be run. A refused chunk
  changes nothing; a model that was refused is gone.
- An image that fits into a frame comes in INFER. A longer one comes by IMAGE_CHUNK in order, and
  an INFER without pixels runs it. What IMAGE_CHUNK brought is gone after INFER.
- Pixels are bytes, also for a model with 1-bit input: it takes those below 128 as -1.
- A sample that does not fit into a push comes in parts in order, each a push of its own.

The device signs nothing and holds no keys.
"""


def page(read: Definition) -> str:
    """Return the text of PROTOCOL.md."""
    parts = [_RULES.format(version=read.version)]
    for role, title in _ROLES.items():
        parts.append(f"\n## {title}\n")
        parts += [_message(each) for each in read.messages if each.role == role]
    parts.append("\n## Error codes\n\n| code | name | meaning | detail |\n|---|---|---|---|\n")
    parts += [
        f"| {each.value} | {each.name} | {each.text} | {each.detail} |\n" for each in read.errors
    ]
    parts.append("\n## Capabilities\n\n| bit | name | meaning |\n|---|---|---|\n")
    parts += [f"| {each.value} | {each.name} | {each.text} |\n" for each in read.capabilities]
    parts.append("\n## Limits\n\n| name | value | meaning |\n|---|---|---|\n")
    parts += [f"| {each.name} | {each.value:,} | {each.text} |\n" for each in read.limits]
    return "".join(parts)


def _message(message: MessageDefinition) -> str:
    parts = [f"\n### {message.name} (0x{message.type:02X})\n\n{message.text}\n"]
    if message.role == "request":
        needs = f", needs {message.capability}" if message.capability else ""
        parts.append(
            f"Answered by {message.answer} or ERROR{needs}; "
            f"the device may take {message.timeout_ms:,} ms besides the line.\n"
        )
    if message.fields:
        parts.append("\n| key | field | kind | meaning |\n|---|---|---|---|\n")
        parts += [
            f"| {key} | {field.name} | {_kind(field)} | {field.text} |\n"
            for key, field in enumerate(message.fields)
        ]
    return "".join(parts)


def _kind(field: FieldDefinition) -> str:
    match field.kind:
        case "uint" | "int":
            return f"{field.kind} {field.least}..{field.most}"
        case "bytes":
            return f"bytes, {field.least}..{field.most}"
        case "text":
            return f"text, up to {field.most} bytes"
        case "ints":
            return f"array of up to {field.most} int of 32 bits"
        case "hash":
            return "bytes, 32"
    return "bytes, 32 or none"
