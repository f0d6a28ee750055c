"""One dialect: what CONTRIBUTING.md asks for and neither clang-format nor clang-tidy can see.

python3 tests/check/check_dialect.py [FOLDER...]
"""

import glob
import os
import re
import sys

FOLDERS = "base kernel config sampler embedding corpus train server cli".split()
TOKEN = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'", re.S)
RULES = [
    (r"\b(if|while) \(!?status\)", "compare a status: status != STATUS_OK"),
    (
        r"!status\b|\bstatus (\?|&&|\|\|)|(&&|\|\||\() ?status\)",
        "compare a status: status != STATUS_OK",
    ),
    (
        r"\|\| \(?\(status = |\(\(status = ",
        "one call a statement: if (status == STATUS_OK) status = next()",
    ),
    (r"\(void\)!", "status_ignore() says that a failure may pass"),
    (r"return err->status", "return the local status"),
    (
        r"== NULL\b|\bNULL [!=]=|\b(?:if|while) \([^;{]*!= NULL\b",
        "a pointer is its own condition: if (!p)",
    ),
    (
        r"\bsizeof\((?!(?:const )?(?:struct|enum|union|unsigned|char|short|int|long|float|double|bool|void"
        r"|size_t|ssize_t|off_t|time_t|pthread_\w+|atomic_\w+|sigset_t|cpu_set_t|[iv]vec|half|\w+_t)\b)",
        "sizeof *p or sizeof(type)",
    ),
]
MAX_COLUMNS = 100


def blank(match):
    """Comments and literals become spaces, so that offsets and lines stay."""
    return re.sub(r"[^\n]", " ", match.group())


def closing(code, at):
    """The offset behind the parenthesis that closes the one at `at`."""
    depth = 0
    for i in range(at, len(code)):
        depth += {"(": 1, ")": -1}.get(code[i], 0)
        if depth == 0:
            return i + 1
    return len(code)


def status_functions(texts):
    """Names of functions that return enum status."""
    return set(re.findall(r"\benum status \(?(?:\*const )?(\w+)\)?\(", "\n".join(texts)))


def truth_of_calls(code, names):
    """Offsets of calls of status functions whose value is taken as a truth."""
    for match in re.finditer(r"\b(\w+)\(", code):
        if match.group(1) not in names:
            continue
        before = code[: match.start()].rstrip()
        after = code[closing(code, match.end() - 1) :].lstrip()[:2]
        condition = re.search(r"(!|&&|\|\||\b(?:if|while) \()$", before)
        if condition and after not in ("==", "!="):
            yield match.start()
        elif after.startswith("?") or after in ("&&", "||"):
            yield match.start()


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
    paths = sorted(
        path
        for folder in sys.argv[1:] or FOLDERS + ["tests", "bench"]
        for path in glob.glob(f"{folder}/**/*.[ch]", recursive=True)
    )
    all_paths = [p for f in FOLDERS for p in glob.glob(f"{f}/**/*.[ch]", recursive=True)]
    texts = {}
    for path in set(all_paths) | set(paths):
        with open(path, encoding="utf-8") as file:
            texts[path] = file.read()
    names = status_functions([TOKEN.sub(blank, text) for text in texts.values()])
    bad = 0
    for path in paths:
        code = TOKEN.sub(blank, texts[path])
        found = [(match.start(), says) for rule, says in RULES for match in re.finditer(rule, code)]
        found += [(at, "compare a status: f() != STATUS_OK") for at in truth_of_calls(code, names)]
        lines = texts[path].split("\n")
        at = 0
        for line in lines:
            if len(line) > MAX_COLUMNS:
                found.append((at, f"a line of more than {MAX_COLUMNS} columns"))
            at += len(line) + 1
        for at, says in sorted(set(found)):
            bad += 1
            print(f"{path}:{code.count(chr(10), 0, at) + 1}: {says}")
    if bad:
        sys.exit(f"check_dialect: {bad} places")
    print(f"check_dialect: {len(paths)} files speak one dialect")


if __name__ == "__main__":
    main()
