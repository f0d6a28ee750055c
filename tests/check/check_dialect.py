"""One dialect: what CONTRIBUTING.md asks for and neither clang-format nor clang-tidy can see.

    python3 tests/check/check_dialect.py [FOLDER...]

Without FOLDER: all C files, and the columns of scripts.
"""

import glob
import os
import re
import sys

TOKEN = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'", re.S)
TYPES = (
    r"struct|enum|union|unsigned|char|short|int|long|float|double|bool|void|size_t|ssize_t|off_t"
    r"|time_t|pthread_\w+|atomic_\w+|sigset_t|cpu_set_t|[iv]vec|half|\w+_t"
)
COMPARE = "compare a status: status != STATUS_OK"
# What is wrong, what to say, and code that must be found: the check tries itself on it.
RULES = [
    (r"\b(?:if|while) \(!?status\)", COMPARE, ["if (status)", "while (!status)"]),
    (
        r"!status\b|\bstatus (?:\?|&&|\|\|)|(?:&&|\|\||(?<!switch )(?<!\w)\() ?status\)",
        COMPARE,
        ["return !status;", "a = status ? b : c;", "if (n && status)", "return (status);"],
    ),
    (
        r"\|\| \(?\(status = |\(\(status = ",
        "one call a statement: if (status == STATUS_OK) status = next()",
        ["if ((status = f()) != STATUS_OK)", "if (n || (status = f()) != STATUS_OK)"],
    ),
    (r"\(void\)!", "status_ignore() says that a failure may pass", ["(void)!f();"]),
    (r"return err->status", "return the local status", ["return err->status;"]),
    (
        r"== NULL\b|\bNULL [!=]=|\b(?:if|while) \([^;{]*!= NULL\b",
        "a pointer is its own condition: if (!p)",
        ["if (p == NULL)", "if (NULL != p)", "while (n && p != NULL)"],
    ),
    (
        rf"\bsizeof\((?!(?:const )?(?:{TYPES})\b)(?!\(\(struct \w+ \*\)0\)->)",
        "sizeof *p or sizeof(type)",
        ["n = sizeof(*p);", "n = sizeof(array);"],
    ),
]
GOOD = """
enum status f(int *p, struct error *err) {
    enum status status = g(p); /* if (status) */
    if (status != STATUS_OK && !p && sizeof *p == sizeof(int) && sizeof(const struct error))
        status_ignore(g(NULL));
    print("%s", status_name(status));
    const char *text = "if (status) (void)!f()", *next = p != NULL ? p : NULL;
    return status == STATUS_OK ? g(p) : status;
}
"""
MAX_COLUMNS = 100
MAX_FUNCTION = 60


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
    code = "\n".join(TOKEN.sub(blank, text) for text in texts)
    return set(re.findall(r"\benum status \(?(?:\*const )?(\w+)\)?\(", code))


def truth_of_calls(code, names):
    """Offsets of calls of status functions whose value is taken as a truth."""
    for match in re.finditer(r"\b(\w+)\(", code):
        if match.group(1) not in names:
            continue
        before = code[max(0, match.start() - 80) : match.start()].rstrip()
        after = code[closing(code, match.end() - 1) :].lstrip()[:2]
        condition = re.search(r"(!|&&|\|\||\b(?:if|while) \()$", before)
        if condition and after not in ("==", "!="):
            yield match.start()
        elif after.startswith("?") or after in ("&&", "||"):
            yield match.start()


def long_functions(code):
    """(offset, lines) of functions that are too long. A function begins at the left margin and
    ends with a brace there; its lines are counted from brace to brace, as clang-tidy does."""
    for match in re.finditer(r"^\w[^;{}]*\)\s*\{\n(.*?)^\}", code, re.M | re.S):
        lines = match.group(1).count("\n") + 1
        if lines > MAX_FUNCTION:
            yield match.start(), lines


def long_lines(text):
    at = 0
    for line in text.split("\n"):
        if len(line) > MAX_COLUMNS:
            yield at, f"a line of more than {MAX_COLUMNS} columns"
        at += len(line) + 1


def faults_of(text, names):
    """(line, what to say) of a C file, in order."""
    code = TOKEN.sub(blank, text)
    found = [(m.start(), says) for rule, says, _ in RULES for m in re.finditer(rule, code)]
    found += [(at, "compare a status: f() != STATUS_OK") for at in truth_of_calls(code, names)]
    for at, lines in long_functions(code):
        found.append((at, f"a function of {lines} lines, more than {MAX_FUNCTION}"))
    found += long_lines(text)
    return [(text.count("\n", 0, at) + 1, says) for at, says in sorted(set(found))]


def self_test():
    """Every rule must see a defect that is planted here: one that cannot complain is a defect."""
    names = status_functions(["enum status g(int *p);\nenum status (*const h)(void);"])
    assert names == {"g", "h"}, names
    assert faults_of(GOOD, names) == [], faults_of(GOOD, names)
    planted = [(code, says) for _, says, bad in RULES for code in bad]
    calls = ["if (g(p))", "while (!g(f(p), 1))", "return n && g(p);", "n = g(p) ? 1 : 2;"]
    planted += [(code, "compare a status: f() != STATUS_OK") for code in calls]
    planted.append(("x" * (MAX_COLUMNS + 1), f"a line of more than {MAX_COLUMNS} columns"))
    for code, says in planted:
        assert (2, says) in faults_of(f"\n{code}\n", names), code
    assert faults_of("x" * MAX_COLUMNS + "\n", names) == []
    head = "static void f(int a,\n              int b) {\n"
    assert faults_of(head + "    g;\n" * (MAX_FUNCTION - 1) + "}\n", names) == []
    long = faults_of("int a;\n" + head + "    g;\n" * MAX_FUNCTION + "}\n", names)
    assert long == [(2, f"a function of {MAX_FUNCTION + 1} lines, more than {MAX_FUNCTION}")], long
    assert faults_of("static const int table[] = {\n" + "    0,\n" * 99 + "};\n", names) == []


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def is_script(path):
    if path.endswith((".sh", ".py")):
        return True
    with open(path, "rb") as file:
        return os.path.basename(path) == "Dockerfile" or file.read(2) == b"#!"


def main():
    self_test()
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
    everything = [path for path in glob.glob("**/*", recursive=True) if os.path.isfile(path)]
    everything = sorted(path for path in everything if not path.startswith("build/"))
    sources = [path for path in everything if path.endswith((".c", ".h"))]
    names = status_functions([read(path) for path in sources])
    folders = tuple(folder.rstrip("/") + "/" for folder in sys.argv[1:])
    chosen = [path for path in everything if not folders or path.startswith(folders)]
    found, files = [], 0
    for path in chosen:
        if path.endswith((".c", ".h")):
            faults = faults_of(read(path), names)
        elif is_script(path):
            text = read(path)
            faults = [(text.count("\n", 0, at) + 1, says) for at, says in long_lines(text)]
        else:
            continue
        files += 1
        found += [f"{path}:{line}: {says}" for line, says in faults]
    print("\n".join(found)) if found else None
    if found or files == 0:
        sys.exit(f"check_dialect: {len(found)} places in {files} files")
    print(f"check_dialect: {files} files speak one dialect")


if __name__ == "__main__":
    main()
