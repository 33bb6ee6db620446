"""Check the subjects of the commits since this check was added: `make lint` runs it.

A subject is a sentence in the imperative of at most 72 characters that says one change: it begins with a capital
letter, has no ";" and no full stop at its end. Merges and reverts, whose subjects Git writes, are left out. A shallow
clone is checked as far as it goes.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAX_LENGTH = 72
# Verbs in the imperative that the rule on endings would refuse.
IMPERATIVES = {
    "Bring",
    "Ring",
    "String",
    "Embed",
    "Exceed",
    "Feed",
    "Need",
    "Proceed",
    "Seed",
    "Shed",
    "Speed",
    "Alias",
    "Focus",
}
# Common first words of subjects that tell what there is instead of what to do.
NO_VERBS = {"A", "An", "The", "This", "These", "It", "We", "I", "Now", "Also", "Some", "More", "New", "Wip", "Misc"}


def faults(subject: str) -> list[str]:
    """Return what is wrong with a subject."""
    first = subject.split(" ", 1)[0]
    checks = {
        f"has {len(subject)} characters, {MAX_LENGTH} are allowed": len(subject) > MAX_LENGTH,
        'has a ";": one commit, one change': ";" in subject,
        "ends with a full stop": subject.endswith("."),
        "does not begin with a capital letter": not first[:1].isupper(),
        f'begins with "{first}", which is not a verb in the imperative': not looks_imperative(first),
    }
    return [fault for fault, is_so in checks.items() if is_so]


def looks_imperative(word: str) -> bool:
    """Return whether a word may be a verb in the imperative: "Add", neither "Added", "Adding" nor "Adds"."""
    if word in IMPERATIVES:
        return True
    if word.capitalize() in NO_VERBS:
        return False
    is_third_person = word.endswith("s") and not word.endswith("ss")
    return word.isalpha() and not word.endswith(("ed", "ing")) and not is_third_person


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def subjects() -> dict[str, str]:
    """Return the subjects of the commits after the one that added this file, by their short hashes."""
    added = git("log", "--diff-filter=A", "--format=%H", "--", "scripts/check_commits.py").split()
    # A shallow clone may start after that commit; its first commit then appears to add every file.
    commits = git("log", "--no-merges", "--format=%h %s", f"{added[-1]}..HEAD" if added else "HEAD")
    return dict(line.split(" ", 1) for line in commits.splitlines() if " " in line)


def main() -> int:
    try:
        checked = subjects()
    except (OSError, subprocess.CalledProcessError):
        print("commits are not checked: there is no Git history here")
        return 0
    wrong = {
        commit: (subject, problems)
        for commit, subject in checked.items()
        if not subject.startswith('Revert "') and (problems := faults(subject))
    }
    for commit, (subject, problems) in wrong.items():
        print(f"{commit} {subject}\n    {'; '.join(problems)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
