# SPDX-License-Identifier: Apache-2.0
"""RULES.md is the page that the code makes, and a row leads from a sentence to guard and test."""

from dataclasses import replace

from tools.law_constants import collect_constants
from tools.law_rules import collect
from tools.make_rules_table import (
    PAPERS,
    TABLE,
    constant_row,
    page,
    rule_row,
    sentence_row,
)
from tools.paper_sentences import Section, Sentence, read_paper

CONSTANTS = {constant.name: constant for constant in collect_constants()}
RULES = {rule.number: rule for rule in collect()}


def test_page_is_up_to_date() -> None:
    papers = [read_paper(path) for path in PAPERS]
    made = page(list(RULES.values()), list(CONSTANTS.values()), papers)
    is_up_to_date = TABLE.read_text() == made  # a difference of 100 KB would say nothing
    assert is_up_to_date, "run `python -m tools.make_rules_table`"


def test_rule_tells_error_guard_source_and_tests() -> None:
    assert rule_row(replace(RULES[42], tests=("test_r_42_a", "test_r_42_b"))) == (
        '| <a id="r-42"></a>R-42 | The model was in a block before. | `DuplicateModel` | the model '
        "| `spec/proof/evolution.py` | paper A, section 4.1 | `test_r_42_a`<br>`test_r_42_b` |\n"
    )


def test_constant_tells_its_rules_with_error_and_guard() -> None:
    row = constant_row(CONSTANTS["min_family_diff_ppm"], RULES)
    assert "| ppm | 50,000 | 0..1,000,000 | `spec/genesis.py` |" in row
    assert "[R-38](#r-38) `FamilyTooSimilar` in `spec/proof/founding.py`" in row
    assert "`test_r_38_founder_close_to_a_family_is_refused`" in row


def test_constant_without_a_rule_says_who_uses_it() -> None:
    alone = replace(CONSTANTS["MAX_HAVE"], rules=(), users=("edge_node/gossip/codec.py",))
    assert "| no rule: `gossip/codec.py` |" in constant_row(alone, RULES)


def test_sentence_leads_to_rule_error_guard_and_the_tests_that_it_names_first() -> None:
    section = Section(number="4.9", title="More", sentences=1, begins_sha256="")
    sentence = Sentence(
        number=3,
        begins="Once upon a time",
        says="It was.",
        rules=(50,),
        elsewhere=("edge_node/gossip/cells.py::Cells",),
        tests=("test_b", "tests/gossip/test_cells.py::test_c"),
        departs="It is not.",
    )
    rules = {50: replace(RULES[50], tests=("test_a", "test_b", "test_d", "test_e"))}
    assert sentence_row(section, sentence, rules) == (
        "| 4.9 s3 | Once upon a time ... | It was. "
        "| [R-50](#r-50) in `spec/fork_choice.py`<br>`gossip/cells.py: Cells` "
        "| R-50: `test_b`, `test_a`, `test_d` and 1 more<br>`test_c` | It is not. |\n"
    )
