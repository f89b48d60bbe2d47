# SPDX-License-Identifier: Apache-2.0
"""The red team's table: a row for every attack on the proof of learning, with what it gains.

Each row is made where its attack is played; tests hold the figures within their bounds, and hold
the rows against tools/RED_TEAM.md, which `python -m tools.make_red_team` writes.
Law of the file: a gain is given as it was measured; where ours is not safe, the row says so.
Read next: laboratory.py, on_requirements.py, on_blocks.py, on_chains.py, on_nodes.py.
"""

import functools
from collections.abc import Callable

from edge_node.gossip.stamp import STAMP_BITS
from tests.adversaries import on_blocks as blocks
from tests.adversaries import on_chains as chains
from tests.adversaries import on_nodes as nodes
from tests.adversaries import on_requirements as training
from tests.adversaries.laboratory import Row, times


@functools.cache
def idle_batches() -> Row:
    """Row 1."""
    found = training.idle_batches()
    return Row(
        attack="1. batches that change nothing",
        paper=f"meet {found.paper_met} of {found.tries} R of {found.requirements} weights",
        ours=f"{found.ours_met} of {found.tries} bursts meet one requirement",
        bound="0",
        measured=f"{found.images} of 2,000 images have no gradient at the head",
    )


@functools.cache
def batch_search() -> Row:
    """Row 2."""
    paper, told = training.batch_search(), training.foretold_bursts()
    return Row(
        attack="2. table of gradients, batches searched in it",
        paper=f"{times(paper.gain)}, {paper.solved} of {paper.tips} R of 32 weights",
        ours=f"{times(training.seed_filter())} by choice of seeds; {told.all_right} of "
        f"{told.tries} bursts foretold",
        bound="< 2x",
        measured="multiplications for a block; the nonces whose batches the table likes best",
    )


@functools.cache
def nonce_table() -> Row:
    """Row 3."""
    return Row(
        attack="3. table of nonces against a fixed start",
        paper=times(training.nonce_table_paper().gain),
        ours=times(training.nonce_table_ours()),
        bound="< 2x",
        measured="multiplications; first steps that continue cost none, later ones no weight of "
        "the forward pass that stands as at the head",
    )


@functools.cache
def lucky_requirements() -> Row:
    """Row 4."""
    return Row(
        attack="4. only the luckiest 1 % of R",
        paper=f"{times(training.paper_filter())} at k = 16",
        ours=times(training.seed_filter()),
        bound="< 1.1x",
        measured="chance to meet R on bursts that the filter has not seen",
    )


@functools.cache
def key_grinding() -> Row:
    """Row 5."""
    return Row(
        attack="5. only the luckiest 1 % of keys",
        paper=f"{times(training.early_filter())} at k = 4, if R followed from the key",
        ours=times(training.key_grinding()),
        bound="< 1.1x",
        measured="the same; in ours 1,000 real bursts of ground keys, standard error 0.04",
    )


@functools.cache
def header_rerolls() -> Row:
    """Row 6."""
    paper, ours = (blocks.header_rerolls(paper=mode) for mode in (True, False))
    bodies = [blocks.bodies_changed(paper=mode) for mode in (True, False)]
    return Row(
        attack="6. another header round the same result",
        paper=f"{paper[0]} of {paper[1]} valid (every time), {bodies[0][0]} of {bodies[0][1]} "
        "other bodies",
        ours=f"{ours[0]} of {ours[1]}, {bodies[1][0]} of {bodies[1][1]}: 1 ticket a burst",
        bound="1 ticket",
        measured="real blocks, signed anew, judged by the law; six fields in turn",
    )


@functools.cache
def other_hashes() -> Row:
    """Row 7."""
    found = blocks.twins()
    return Row(
        attack="7. another hash of one's own block",
        paper=f"{found.paper:,} hashes, so the luckiest next R: {times(training.paper_filter())}",
        ours=f"1.00x: no hash tells of the next burst; {found.step} hash a step, "
        f"{found.last_rung} on the last rung, {found.founder} for an evolved founder",
        bound="< 1.1x",
        measured="valid blocks of one piece of work",
    )


@functools.cache
def copies() -> Row:
    """Row 8."""
    paper, ours = (blocks.copies(paper=mode) for mode in (True, False))
    return Row(
        attack="8. another's block under one's own name",
        paper=f"{paper[0]} of {paper[1]} stolen",
        ours=f"{ours[0]} of {ours[1]}",
        bound="0",
        measured="6 blocks, 10 copiers each",
    )


@functools.cache
def look_alikes() -> Row:
    """Row 9."""
    paper, ours = blocks.look_alikes_of_walks(), blocks.look_alikes_of_bursts()
    return Row(
        attack="9. another's model, a little changed",
        paper=f"{paper[0]} of {paper[1]} stolen, for one step each",
        ours=f"{ours[0]} of {ours[1]}",
        bound="0",
        measured="one image of the last batch; one weight turned, or one latent moved by 1",
    )


@functools.cache
def fake_roots() -> Row:
    """Row 10."""
    found, flood = blocks.fake_roots(), nodes.flood()
    return Row(
        attack="10. latent roots of thin air",
        paper="no ticket: a signature buys a replay",
        ours=f"0 of {found.fakes}; {found.hashes / found.expected:.2f} of the hashes that the "
        f"target says buy a replay; {flood.headers} sent at once cost a node "
        f"{flood.of_one_key} under one key, {flood.of_fresh_keys} under {flood.headers} keys, "
        f"each {1 << STAMP_BITS:,} hashes more and its sender a ban; {flood.honest_place} of them "
        "before a known miner's block",
        bound="0",
        measured=f"1 of {found.expected // found.fakes} tickets wins; R-43 after one replay; "
        "the flood over real gossip",
    )


@functools.cache
def overfitting() -> Row:
    """Row 11."""
    honest, cheat, paper = chains.cherry_picked(1), chains.cherry_picked(8), chains.must_rise()
    return Row(
        attack="11. luck on the evaluation split",
        paper=f"{paper.faked:.2f} points faked by honest miners",
        ours=f"{honest.faked:.2f} by honest ones, {cheat.faked:.2f} by who burns "
        f"{cheat.tries / honest.tries:.0f} times the work",
        bound="<= 2 points",
        measured=f"{honest.blocks} blocks, 2,000 images that nobody has seen",
    )


@functools.cache
def private_chains() -> Row:
    """Row 12, of time."""
    found = [
        chains.counted_work(clock)
        for clock in (chains.stretched_clock, chains.squeezed_clock, chains.sawtooth_clock)
    ]
    return Row(
        attack="12a. false times on a private chain",
        paper="2^k a block, whatever it took",
        ours=f"{times(found[0].mean)} stretched, {times(found[1].mean)} squeezed, "
        f"{times(found[2].mean)} in turn",
        bound="< 1.1x",
        measured="work of the headers by bursts done, mean of 100 chains; the luckiest in a "
        f"hundred {times(max(each.luckiest for each in found))}",
    )


@functools.cache
def small_family() -> Row:
    """Row 12, of families."""
    found = chains.small_family()
    return Row(
        attack="12b. a chain of a small family",
        paper="2^k a block of any family",
        ours=f"{times(found.gain)}; {times(found.unscaled)} with one target for all",
        bound="< 1.1x",
        measured=f"{found.wins[0]} and {found.wins[1]} wins of real bursts, by multiplications",
    )


@functools.cache
def unreplayed_headers() -> Row:
    """Row 12, of headers."""
    return Row(
        attack="12c. a chain of fake roots, for who replays nothing",
        paper="not even a hash for a block",
        ours=f"NOT SAFE: a hash for each {chains.multiplications_of_a_hash():,} multiplications",
        bound="none",
        measured="why nodes that do not replay follow only tips that full nodes have signed",
    )


@functools.cache
def known_images() -> Row:
    """Row 13."""
    return Row(
        attack="13. images left out that the head knows",
        paper="as 1.",
        ours=times(training.known_images_skipped()),
        bound="< 1.1x",
        measured="the best of nine margins; bursts right, by images trained on",
    )


ROWS: tuple[Callable[[], Row], ...] = (
    idle_batches,
    batch_search,
    nonce_table,
    lucky_requirements,
    key_grinding,
    header_rerolls,
    other_hashes,
    copies,
    look_alikes,
    fake_roots,
    overfitting,
    private_chains,
    small_family,
    unreplayed_headers,
    known_images,
)
"""One function for each row, in the table's order."""


def rows() -> list[Row]:
    """Play all attacks; half a minute of one core."""
    return [row() for row in ROWS]
