# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with a proof of learning: one class per rule.

Law of the file: names and numbers; the guards are in claims.py, trained.py and the rules.
Read next: claims.py.
"""

from typing import ClassVar

from edge_node.spec.errors import InvalidProof


class ProofMalformed(InvalidProof):
    """A proof does not have the form of R-33."""

    reason: ClassVar[str] = "R-33"
    wants: ClassVar[str] = "the proof"


class OutOfTurn(InvalidProof):
    """It is not this family's, or not a founder's, turn (R-34).

    Paper A, section 4.4.
    """

    reason: ClassVar[str] = "R-34"
    wants: ClassVar[str] = "the turn"


class WrongStage(InvalidProof):
    """The family is not at the stage that this kind of block belongs to (R-35).

    Paper A, section 4.3.
    """

    reason: ClassVar[str] = "R-35"
    wants: ClassVar[str] = "the family's stage"


class HeaderDisagrees(InvalidProof):
    """A header field is not what the proof and the state make it (R-36).

    Paper A, section 4.5.
    """

    reason: ClassVar[str] = "R-36"
    wants: ClassVar[str] = "the header"


class ArchitectureNotAllowed(InvalidProof):
    """A founder's architecture does not fit the dataset or the network's limits (R-37).

    Paper A, section 4.2.
    """

    reason: ClassVar[str] = "R-37"
    wants: ClassVar[str] = "the founder"


class FamilyTooSimilar(InvalidProof):
    """A founder's shape is too close to a family of the same dataset (R-38).

    Paper A, section 4.1.
    """

    reason: ClassVar[str] = "R-38"
    wants: ClassVar[str] = "the shape distance in ppm"


class DatasetNotOpen(InvalidProof):
    """No family may be founded on the dataset: too few miners hold it, or it is closed (R-59).

    Paper A, section 4.7; design, section 8.
    """

    reason: ClassVar[str] = "R-59"
    wants: ClassVar[str] = "the dataset"


class ReplayTooLong(InvalidProof):
    """A recipe, or a founder's training, is more to replay than the network allows (R-39).

    Design, section 6.
    """

    reason: ClassVar[str] = "R-39"
    wants: ClassVar[str] = "the replay"


class UnknownParent(InvalidProof):
    """A recipe or an evolved shape has a parent that it may not have (R-40).

    Paper A, section 4.2.
    """

    reason: ClassVar[str] = "R-40"
    wants: ClassVar[str] = "the parent"


class AccuracyTooLow(InvalidProof):
    """The claimed accuracy is below what this block needs (R-41).

    Paper A, section 4.3.
    """

    reason: ClassVar[str] = "R-41"
    wants: ClassVar[str] = "the correct count"


class DuplicateModel(InvalidProof):
    """The model was in a block before (R-42).

    Paper A, section 4.1.
    """

    reason: ClassVar[str] = "R-42"
    wants: ClassVar[str] = "the model"


class LatentRootMismatch(InvalidProof):
    """Training gives other latents than the header commits to (R-43).

    Design, section 7.
    """

    reason: ClassVar[str] = "R-43"
    wants: ClassVar[str] = "the latent root"


class ModelHashMismatch(InvalidProof):
    """The proof gives another model than the header commits to (R-44).

    Paper A, section 4.5.
    """

    reason: ClassVar[str] = "R-44"
    wants: ClassVar[str] = "the model hash"


class DifferenceTooSmall(InvalidProof):
    """The model is too close to an earlier one of its family (R-45).

    Paper A, section 4.1.
    """

    reason: ClassVar[str] = "R-45"
    wants: ClassVar[str] = "the Hamming distance"


class CorrectCountWrong(InvalidProof):
    """The model classifies another number of images correctly than claimed (R-46).

    Paper A, section 4.5.
    """

    reason: ClassVar[str] = "R-46"
    wants: ClassVar[str] = "the correct count"


class CostTooHigh(InvalidProof):
    """A burst of the family would take more multiplications than the network allows (R-78).

    Design, section 7.
    """

    reason: ClassVar[str] = "R-78"
    wants: ClassVar[str] = "the multiplications of a burst"
