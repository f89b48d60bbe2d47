# SPDX-License-Identifier: Apache-2.0
"""Evolution by ask and tell: which individual climbs next, and what its climb is worth.

Paper A, section 4.2: crossover and mutation refine a population. Selection is by the train split;
only now and then is the best individual counted on the evaluation split, to see whether it would
make a block.
Law of the file: choices are drawn from a PRF of the task, so a trainer can be replayed.
Read next: process.py.
"""

from collections.abc import Sequence

from edge_node.primitives.hashing import ZERO_HASH, Prf
from edge_node.spec.constants import PPM
from edge_node.spec.dataset import SplitName
from edge_node.spec.difference import hamming
from edge_node.spec.proof.evolution_proof import ChildProof
from edge_node.spec.recipe import RecipeContext, Step, StepKind, most_draws
from edge_node.trainer.judges import Judge
from edge_node.trainer.population import POPULATION_SIZE, Individual
from edge_node.trainer.task import ONLY_LANE, Lane, Offer, Progress, Relative, Task

STALE_SLICES = 6
"""Slices without a step after which an individual gives its place to a copy of a better one."""
CROSS_EVERY = 8
"""Slices between two attempts at crossover."""
RESTING_CLIMBS = 3
"""Climbs that stay of a family which waits for its next turn."""
NONCES = 1 << 16
"""Where a climb's nonces may begin: small ones make small recipes."""


class Evolution:
    """A population that evolves one family.

    Parameters
    ----------
    task : Task
        Its family has a record.
    judge : Judge
    lane : Lane, optional
        Populations of other lanes make other choices.
    """

    def __init__(self, task: Task, judge: Judge, lane: Lane = ONLY_LANE) -> None:
        self._task = task
        self._judge = judge
        self._stream = Prf("trainer-choices", task.network + task.miner + task.family + lane.seed)
        self._individuals: list[Individual] = []
        self._candidates = 0
        self._slices = 0
        self._fill()

    @property
    def task(self) -> Task:
        """What it works on."""
        return self._task

    @property
    def progress(self) -> Progress:
        """How it is going."""
        best = max(individual.correct for individual in self._individuals)
        return Progress(
            stage="evolve",
            candidates=self._candidates,
            best_train_ppm=best * PPM // self._individuals[0].climber.images,
        )

    def adopt(self, task: Task) -> None:
        """Go on for a new head: climbs stay, and the new record joins the population.

        On another branch only those climbs stay whose parents are part of it.
        """
        kept, news = task.models_kept(self._task), task.relatives != self._task.relatives
        self._task = task
        records = {relative.block for relative in task.relatives if relative.record}
        self._individuals = [
            each
            for each in self._individuals
            if each.base in records and all(step.partner < kept for step in each.steps)
        ]
        for individual in self._individuals:
            # What was offered for the old head may make a block on the new one as it is.
            individual.counted_at = individual.offered = 0
        if news:
            # The newest record takes the place of the weakest climbs, half of the population.
            self._individuals.sort(key=lambda individual: -individual.correct)
            del self._individuals[POPULATION_SIZE // 2 :]
        if len(self._individuals) < POPULATION_SIZE:
            self._fill()

    def rest(self) -> None:
        """Let go of all but the best climbs, which `adopt` goes on with: each holds much memory."""
        self._individuals.sort(key=lambda individual: -individual.correct)
        del self._individuals[RESTING_CLIMBS:]

    def step(self) -> Offer | None:
        """Let one individual climb a slice; return an offer if it would make a block."""
        individual = self.ask()
        before = len(individual.steps)
        self._slices += 1
        if self._slices % CROSS_EVERY == 0:
            self._cross(individual)
        else:
            slice_candidates = self._judge.slice_candidates(self._task.architecture)
            room = self._room(individual.steps)
            self._candidates += individual.climber.climb(slice_candidates, room).tried
        return self.tell(individual, climbed=len(individual.steps) > before)

    def ask(self) -> Individual:
        """Return who climbs next: the better of two drawn at random (a tournament)."""
        count = len(self._individuals)
        first, second = self._stream.below(count), self._stream.below(count)
        return max(self._individuals[first], self._individuals[second], key=lambda i: i.correct)

    def tell(self, individual: Individual, *, climbed: bool) -> Offer | None:
        """Take note of a slice; return an offer if the individual would make a block."""
        offer = self._offer(individual)
        individual.stale = 0 if climbed else individual.stale + 1
        if self._room(individual.steps) == 0:
            # It has no way to go on, and may have become the best: nobody is to become its copy.
            self._individuals.remove(individual)
            self._fill()
        elif individual.stale >= STALE_SLICES:
            self._renew(individual)
        return offer

    def _offer(self, individual: Individual) -> Offer | None:
        if individual.correct <= individual.counted_at:
            return None
        model = individual.model()
        for relative in self._task.relatives:
            if relative.record and hamming(model, relative.model) < self._task.needed_difference:
                return None
        individual.counted_at = individual.correct
        correct, _ = self._judge.count(model, self._task.dataset, SplitName.EVALUATION)
        if correct <= max(individual.offered, self._newest().correct_count):
            return None
        individual.offered = correct
        return Offer(
            head=self._task.head,
            dataset=self._task.dataset,
            family=self._task.family,
            child=True,
            proof=ChildProof(base=self._index(individual), steps=individual.steps).encode(),
            model_hash=model.model_hash(),
            latent_root=ZERO_HASH,
            nonce=0,
            train_ppm=individual.correct * PPM // individual.climber.images,
            correct_count=correct,
        )

    def _fill(self) -> None:
        """Fill the population up with fresh climbs from the newest record."""
        newest = self._newest()
        fresh = self._judge.climber(
            newest.model,
            self._task.dataset,
            RecipeContext(network=self._task.network, base=newest.block, miner=self._task.miner),
            self._task.parameters.rates,
            max_steps=self._task.parameters.max_recipe_steps,
        )
        missing = POPULATION_SIZE - len(self._individuals)
        for climber in (fresh, *(fresh.copy() for _ in range(missing - 1))):
            # A climb has no chance in it but its nonces: where they begin tells two apart.
            climber.start_at(self._stream.below(NONCES))
            self._individuals.append(Individual(base=newest.block, climber=climber))

    def _newest(self) -> Relative:
        return next(relative for relative in reversed(self._task.relatives) if relative.record)

    def _index(self, individual: Individual) -> int:
        blocks = [relative.block for relative in self._task.relatives]
        return blocks.index(individual.base)

    def _cross(self, individual: Individual) -> None:
        """Try a crossover with a model of the family, kept if it does no harm."""
        step = Step(
            kind=StepKind.CROSS,
            nonce=self._stream.below(NONCES),
            partner=self._stream.below(len(self._task.relatives)),
        )
        if self._draws((*individual.steps, step)) > self._task.parameters.max_recipe_draws:
            return
        partner = self._task.relatives[step.partner].model
        self._candidates += 1
        individual.climber.try_cross(step, partner)

    def _room(self, steps: Sequence[Step]) -> int:
        """Return how many mutations more others would replay (R-39)."""
        parameters = self._task.parameters
        left = parameters.max_recipe_draws - self._draws(steps)
        mutations = left // self._draws([Step(kind=StepKind.FLIP, nonce=0)])
        return min(mutations, parameters.max_recipe_steps - len(steps))

    def _draws(self, steps: Sequence[Step]) -> int:
        return most_draws(self._task.architecture, steps, self._task.parameters.rates)

    def _renew(self, individual: Individual) -> None:
        """Put a copy of the best in the place of an individual that stands still."""
        best = max(self._individuals, key=lambda other: other.correct)
        individual.stale = 0
        if best is not individual:
            individual.base = best.base
            individual.climber = best.climber.copy()
            individual.climber.start_at(self._stream.below(NONCES))
            individual.counted_at, individual.offered = best.counted_at, best.offered
