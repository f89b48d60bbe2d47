# SPDX-License-Identifier: Apache-2.0
"""Every sentence of paper A's section 4 leads to a rule or says why it has none.

The paper itself is not here. Its sentences were counted once, and the digest of what they begin
with stands beside the count, so that none can be lost or moved unseen; the tests of the comparison
use a little paper of their own.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tools.law_rules import collect
from tools.make_rules_table import PAPERS
from tools.paper_sentences import (
    Paper,
    PaperMalformed,
    Section,
    Sentence,
    differences,
    digest,
    faults,
    main,
    read_paper,
    sentences_of,
)

CELLS = "edge_node/gossip/cells.py::Cells"
CELLS_TEST = "tests/gossip/test_cells.py::test_body_leaves_when_the_cell_agrees"
COUNTS = {"4": 10, "4.1": 9, "4.2": 27, "4.3": 9, "4.4": 13, "4.5": 12, "4.6": 15, "4.7": 7}
"""Sentences of paper A, by section."""
NAMES = {
    "max_connection_count",
    "max_family_generations",
    "min_families",
    "min_family_acc",
    "min_family_diff",
    "min_population",
    "min_population_acc",
    "min_population_diff",
    "model_count",
    "population_cross_percent",
    "population_mutate_percent",
    "previous_hash",
    "previous_model_hash",
}
"""Constants and fields that it names."""

LITTLE = """\
# A paper

## 4.1 Of cells

*Cells* agree on blocks before the others hear of them. It takes `settle_ms`, and some-
times longer: Nobody

Figure 1: A cell.

minds.

## 5 Results

There are none.
"""
SENTENCES = (
    Sentence(
        number=1,
        begins="Cells agree on blocks before the",
        says="Cells agree.",
        elsewhere=(CELLS,),
        tests=(CELLS_TEST,),
    ),
    Sentence(
        number=2,
        begins="It takes settle_ms, and sometimes longer:",
        says="`settle_ms` is how long.",
        rules=(50,),
    ),
    Sentence(number=3, begins="Nobody minds.", says="Well.", background="It comforts."),
)


def paper(*sentences: Sentence, count: int = 3) -> Paper:
    section = Section(
        number="4.1",
        title="Of cells",
        sentences=count,
        begins_sha256=digest(SENTENCES),
        sentence=sentences,
    )
    names = (("settle_ms", "edge_node/gossip/ports.py::BodyTiming.settle_ms"),)
    return Paper(paper="Z", title="A paper", names=names, sections=(section,))


def known_tests() -> dict[int, tuple[str, ...]]:
    return {rule.number: rule.tests for rule in collect()}


@pytest.mark.parametrize("path", PAPERS, ids=lambda path: path.stem)
def test_every_sentence_of_a_paper_is_made_exact(path: Path) -> None:
    assert faults(read_paper(path), known_tests()) == []


def test_section_4_of_paper_a_is_whole() -> None:
    whole = read_paper(PAPERS[0])
    assert {section.number: len(section.sentence) for section in whole.sections} == COUNTS
    assert {name for name, _ in whole.names} == NAMES


def test_whole_paper_has_no_faults() -> None:
    assert faults(paper(*SENTENCES), known_tests()) == []


FIRST, SECOND, THIRD = SENTENCES


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (lambda: (FIRST, THIRD), "not 1..3"),
        (lambda: (FIRST, replace(SECOND, begins="It took"), THIRD), "see begins_sha256"),
        (lambda: (FIRST, replace(SECOND, rules=()), THIRD), "s2 has neither rules nor"),
        (lambda: (FIRST, replace(SECOND, background="-"), THIRD), "background and made exact"),
        (lambda: (FIRST, replace(SECOND, rules=(50, 999)), THIRD), "names R-999"),
        (lambda: (FIRST, replace(SECOND, tests=("test_r_1_x",)), THIRD), "no test of its rules"),
        (lambda: (FIRST, replace(SECOND, says=""), THIRD), "s2 wants 1..8 words"),
        (lambda: (FIRST, replace(SECOND, begins="a " * 9), THIRD), "s2 wants 1..8 words"),
        (lambda: (FIRST, replace(SECOND, says="So."), THIRD), "settle_ms is in no sentence"),
        (lambda: (replace(FIRST, tests=()), SECOND, THIRD), "s1 wants tests"),
        (lambda: (replace(FIRST, elsewhere=(f"{CELLS}x",)), SECOND, THIRD), "Cellsx, which is not"),
        (lambda: (replace(FIRST, tests=("tests/no.py::x",)), SECOND, THIRD), "tests/no.py::x"),
    ],
)
def test_what_is_missing_is_told(make: Callable[[], tuple[Sentence, ...]], fault: str) -> None:
    assert fault in "; ".join(faults(paper(*make()), known_tests()))


def test_name_that_the_code_does_not_have_is_told() -> None:
    gone = replace(paper(*SENTENCES), names=(("settle_ms", "edge_node/gossip/ports.py::settle"),))
    assert "ports.py::settle, which is not there" in "; ".join(faults(gone, known_tests()))


def test_sentences_of_a_text_are_found_without_marks_captions_and_hyphens() -> None:
    assert sentences_of(LITTLE, "4.1") == [sentence.begins for sentence in SENTENCES]
    assert sentences_of(LITTLE, "4.2") == []


def test_first_difference_from_the_text_is_told() -> None:
    assert differences(paper(*SENTENCES), LITTLE) == []
    (lost,) = differences(paper(FIRST, THIRD), LITTLE)
    assert lost == (
        "4.1 has 3 sentences in the paper and 2 here; the first that differs is number 2"
    )
    (strange,) = differences(replace(paper(*SENTENCES), names=()), LITTLE)
    assert strange == "the names in the paper are settle_ms"
    (short,) = differences(paper(FIRST), LITTLE)
    assert short.endswith("number 2")


def test_command_compares_a_file_with_its_paper(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, text = tmp_path / "paper_z.toml", tmp_path / "paper.txt"
    file.write_text(
        'paper = "Z"\ntitle = "A paper"\n[names]\n[[section]]\nnumber = "5"\ntitle = "Results"\n'
        'sentences = 1\nbegins_sha256 = ""\n'
        '[[section.sentence]]\nnumber = 1\nbegins = "There are none."\nsays = "None."\n'
    )
    text.write_text(LITTLE)
    assert main([str(file), str(text)]) == 0
    assert capsys.readouterr().out == "paper Z: all 1 sentences are here\n"
    text.write_text(LITTLE.replace("There are", "We have"))
    assert main([str(file), str(text)]) == 1
    assert "5 has 1 sentences" in capsys.readouterr().out
    assert main([]) == 2


@pytest.mark.parametrize(
    "content",
    [
        'paper = "Z"\n',
        'paper = "Z"\ntitle = "T"\nsection = [1]\n[names]\n',
        'paper = "Z"\ntitle = "T"\n[names]\n[[section]]\nnumber = "5"\n',
        'paper = "Z"\ntitle = "T"\n[names]\n[[section]]\nnumber = "5"\nrulez = []\n',
    ],
)
def test_file_of_another_form_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "paper_z.toml"
    file.write_text(content)
    with pytest.raises(PaperMalformed):
        read_paper(file)
