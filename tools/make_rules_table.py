# SPDX-License-Identifier: Apache-2.0
"""Write edge_node/spec/RULES.md from the code: `python -m tools.make_rules_table`.

Three tables: the rules (law_rules.py), the named constants (law_constants.py), and the papers
sentence by sentence (paper_sentences.py). The code says what a rule is, where it is guarded, which
error it raises and how it is tested; a paper's file says only which rules make a sentence exact.
Law of the file: rows in, Markdown out; nothing is found out here.
Read next: law_rules.py.
"""

from collections.abc import Iterable, Mapping, Sequence

from tools.law_constants import Constant, collect_constants
from tools.law_rules import ROOT, Rule, collect
from tools.paper_sentences import Paper, Section, Sentence, read_paper, tests_elsewhere

TABLE = ROOT / "edge_node/spec/RULES.md"
PAPERS = (ROOT / "tools/paper_a.toml",)
MAX_TESTS_SHOWN = 3
"""Tests named for each rule of a sentence; all of them stand in the table of rules."""

_HEAD = """\
# The rules of the law

Made from the code by `python -m tools.make_rules_table`: change the code, run it, commit both.
A rule without an error defines what others compare; its tests hold it against another way to
compute it. "Design" is the design of the protocol, "paper A" and "paper B" are the two papers.

1. [Rules](#rules)
2. [Named constants](#named-constants)
"""
_RULES_HEAD = """
## Rules

| Rule | What it says | Error | It wants | Where | Source | Tests |
|---|---|---|---|---|---|---|
"""
_CONSTANTS_HEAD = """
## Named constants

First what a genesis chooses (`Parameters`), each within its range, which R-24 checks; then the
numbers that are the same in every network. Behind each stand the rules that use it.

| Name | What it is | Unit | Value or default | Range | Where | Rules | Tests |
|---|---|---|---|---|---|---|---|
"""
_SECTION_HEAD = """
### {number} {title}

| Sentence | Begins | In our words | Made exact by | Tests | Departs, or why no rule |
|---|---|---|---|---|---|
"""
_NAMES_HEAD = """
| Name in the paper | In the code | Sentences |
|---|---|---|
"""


def page(rules: Sequence[Rule], constants: Sequence[Constant], papers: Sequence[Paper]) -> str:
    """Return the text of RULES.md."""
    known = {rule.number: rule for rule in rules}
    contents = "".join(
        f"{place}. [{_paper_title(paper)}](#{_anchor(_paper_title(paper))})\n"
        for place, paper in enumerate(papers, 3)
    )
    return "".join(
        (
            _HEAD + contents,
            _RULES_HEAD + "".join(map(rule_row, rules)),
            _CONSTANTS_HEAD + "".join(constant_row(constant, known) for constant in constants),
            *(_paper_text(paper, known) for paper in papers),
        )
    )


def rule_row(rule: Rule) -> str:
    """Return a rule's row."""
    name = f'<a id="r-{rule.number}"></a>R-{rule.number}'
    return _row(
        name,
        rule.says,
        f"`{rule.error}`" if rule.error else "",
        rule.wants,
        _lines(map(_code, map(_short, rule.guards or rule.defined))),
        _lines(rule.sections),
        _lines(map(_code, rule.tests)),
    )


def constant_row(constant: Constant, rules: Mapping[int, Rule]) -> str:
    """Return a constant's row: its rules with error and guard, or who else uses it."""
    used = [rule_text(rules[number]) for number in constant.rules]
    of_rules = [test for number in constant.rules for test in rules[number].tests]
    return _row(
        f"`{constant.name}`",
        constant.says,
        constant.unit,
        constant.value,
        constant.bounds,
        _code(_short(constant.module)),
        _lines(used or (f"no rule: {_code(_short(user))}" for user in constant.users)),
        _some(tuple(dict.fromkeys([*constant.tests, *of_rules]))),
    )


def sentence_row(section: Section, sentence: Sentence, rules: Mapping[int, Rule]) -> str:
    """Return a sentence's row, with errors, guards and tests from its rules."""
    exact = [rule_text(rules[number]) for number in sentence.rules]
    exact += [_code(_short(place).replace("::", ": ")) for place in sentence.elsewhere]
    tests = []
    for number in sentence.rules:
        of_rule = rules[number].tests
        first = [test for test in of_rule if test in sentence.tests]
        tests.append(f"R-{number}: {_some(tuple(dict.fromkeys([*first, *of_rule])))}")
    tests += [_code(test.partition("::")[2]) for test in tests_elsewhere(sentence)]
    return _row(
        f"{section.number} s{sentence.number}",
        f"{sentence.begins} ...",
        sentence.says,
        _lines(exact),
        _lines(tests),
        sentence.departs or sentence.background,
    )


def rule_text(rule: Rule) -> str:
    """Return a rule with its error and its guard, in a few words."""
    places = ", ".join(map(_code, map(_short, rule.guards or rule.defined)))
    error = f" `{rule.error}`" if rule.error else ""
    return f"[R-{rule.number}](#r-{rule.number}){error} in {places}"


def _paper_text(paper: Paper, rules: Mapping[int, Rule]) -> str:
    text = [f"\n## {_paper_title(paper)}\n\n{paper.title}. Its names:\n", _NAMES_HEAD]
    for name, place in paper.names:
        text.append(
            _row(_code(name), _code(_short(place).replace("::", ": ")), _naming(paper, name))
        )
    for section in paper.sections:
        text.append(_SECTION_HEAD.format(number=section.number, title=section.title))
        text += [sentence_row(section, sentence, rules) for sentence in section.sentence]
    return "".join(text)


def _naming(paper: Paper, name: str) -> str:
    return ", ".join(
        f"{section.number} s{sentence.number}"
        for section in paper.sections
        for sentence in section.sentence
        if _code(name) in sentence.says
    )


def _paper_title(paper: Paper) -> str:
    return f"Paper {paper.paper}, sentence by sentence"


def _anchor(heading: str) -> str:
    return heading.lower().replace(",", "").replace(" ", "-")


def _some(tests: Sequence[str]) -> str:
    more = len(tests) - MAX_TESTS_SHOWN
    shown = ", ".join(map(_code, tests[:MAX_TESTS_SHOWN]))
    return f"{shown} and {more} more" if more > 0 else shown


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |\n"


def _lines(cells: Iterable[str]) -> str:
    return "<br>".join(cells)


def _code(text: str) -> str:
    return f"`{text}`"


def _short(place: str) -> str:
    return place.removeprefix("edge_node/")


def main() -> None:
    """Write the table."""
    TABLE.write_text(page(collect(), collect_constants(), [read_paper(path) for path in PAPERS]))
    print(TABLE.relative_to(ROOT))


if __name__ == "__main__":
    main()
