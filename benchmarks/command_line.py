"""What a comparison is told on the command line, and what it says and keeps in the end."""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.answers import Answers
from benchmarks.comparison import replace_between_marks, table

README = Path(__file__).with_name("README.md")


def comparison_parser(description: str, sections: Sequence[str], peers: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--only", type=some_of(sections), default=tuple(sections), help=f"some of {', '.join(sections)}")
    said = f"one of {', '.join(peers)}, or both in the order of the first round"
    parser.add_argument("--peers", type=some_of(peers), default=tuple(peers), help=said)
    parser.add_argument("--quick", action="store_true", help="one short round, to see that it works")
    parser.add_argument("--rounds", type=int, help="instead of three")
    parser.add_argument("--json", type=Path, help="write every figure of every round here")
    parser.add_argument("--write-readme", action="store_true", help="replace the table in benchmarks/README.md")
    return parser


def some_of(known: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    def read(text: str) -> tuple[str, ...]:
        given = tuple(text.split(","))
        if unknown := set(given).difference(known):
            raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: not one of {', '.join(known)}")
        return given

    return read


def report(arguments: argparse.Namespace, answers: Answers, conditions: str, *, mark: str, peer: str) -> int:
    """Print the table, keep it where the arguments say (`mark` is its place in the README), and return the exit code."""
    rows = answers.rows()
    text = f"{conditions}.\n\n{table(rows, peer)}\n"
    if answers.failures:
        text += "\nFailed:\n\n" + "".join(f"- {failure}\n" for failure in answers.failures)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps({"conditions": conditions, "rows": [row.as_json() for row in rows]}, indent=1) + "\n")
    if arguments.write_readme:
        replace_between_marks(README, mark, text)
    print(text)
    return 1 if answers.failures else 0
