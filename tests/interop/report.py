"""Reads what the programs have printed, compares it with what is expected, and prints one table.

    report.py --server steadfast|real --logs DIR [--only CASE,…] LANGUAGE…

Fails if a case failed that is not listed in expected.toml, if a listed one passed, if one was
skipped that may not be, or if a program did not say how each of its cases went.
"""

import argparse
import re
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
LINE = re.compile(r"^(ok|FAIL|skip) ([a-z-]+)(?:: (.*))?$")


def read(log: Path) -> tuple[dict[str, tuple[str, str]], str]:
    """What a program said of each case, and its last line."""
    said = {}
    lines = log.read_text(errors="replace").splitlines()
    for line in lines:
        if found := LINE.match(line):
            outcome, case, why = found.groups()
            said[case] = (outcome, why or "")
    return said, lines[-1] if lines else "nothing"


def judge(outcome: str, why: str, failing: str | None, skipped: str | None) -> tuple[str, str | None]:
    """How the table shows a case, and what is wrong with it."""
    if outcome == "ok":
        if failing or skipped:
            return "OK?", "passes, and is listed in expected.toml: take it out"
        return "ok", None
    if outcome == "skip":
        return ("skip", None) if skipped else ("SKIP", f"skipped: {why}")
    if outcome == "FAIL":
        return ("known", None) if failing else ("FAIL", why)
    return "none", "the program said nothing of it"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", required=True)
    parser.add_argument("--logs", type=Path, required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("languages", nargs="+")
    options = parser.parse_args()

    cases = (HERE / "cases.txt").read_text().split()
    expected = tomllib.loads((HERE / "expected.toml").read_text())
    failing = expected["failing"] if options.server == "steadfast" else {}
    skipped = expected["skipped"]
    wanted = [case for case in options.only.split(",") if case] or cases
    wrong = []
    for table in (failing, skipped):
        for language, listed in table.items():
            wrong += [f"expected.toml: there is no case {case}" for case in listed if case not in cases]

    table: dict[str, list[str]] = {case: [] for case in wanted}
    for language in options.languages:
        said, last = read(options.logs / f"{language}.txt")
        known = {**failing.get("all", {}), **failing.get(language, {})}
        not_here = {**skipped.get("all", {}), **skipped.get(language, {})}
        for case in wanted:
            outcome, why = said.pop(case, ("none", ""))
            shown, complaint = judge(outcome, why, known.get(case), not_here.get(case))
            table[case].append(shown)
            if complaint:
                wrong.append(f"{language} {case}: {complaint}")
        wrong += [f"{language}: cases.txt lacks the case {case}" for case in said if case not in cases]
        if not re.match(r"exit [01] ", last):
            wrong.append(f"{language}: the program did not end in order: {last}")

    width = max(map(len, table))
    print(" " * width, *(f"{language:>10}" for language in options.languages))
    for case, row in table.items():
        print(f"{case:<{width}}", *(f"{shown:>10}" for shown in row))
    counts = [f"{sum(column.count(s) for column in table.values())} {s}" for s in ("ok", "known", "skip")]
    print(f"interop against {options.server}: {', '.join(counts)}, {len(wrong)} wrong")
    for line in wrong:
        print(f"WRONG {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
