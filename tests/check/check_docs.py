"""What documents must keep to, for every *.md of the tree. No build needed, but for the last rule.

* Lines have at most 100 columns. A row of a table, which cannot be broken, may have 120.
* A link within the tree leads to a file that exists, and to a heading that exists.
* A path that is named (folder/file, also with *) exists, but for those with NAME or FOLDER in them.
  docs/notebook/ may name what is gone: it speaks of the tree of its day.
* Words that only insiders know, and words that have another one by now, do not stand in the prose.
* Every document is linked from another one, but for README.md.
* The arrows in ARCHITECTURE.md are those of the NEEDS in CMakeLists.txt.
* vecmill.conf is what `vecmill help conf` prints, when VECMILL names the program.

First each rule is tried on a text that breaks it: a check that finds nothing has to be able to.
"""
import glob
import os
import re
import subprocess
import sys

from check_tree import read_law

MAX_COLUMNS, MAX_TABLE_COLUMNS = 100, 120
FOLDERS = ("base kernel config sampler loss embedding corpus graph train server cli tests bench "
           "docs cmake packaging scripts clients").split()
PATH = re.compile(rf"(?<![\w/.<>-])(?:{'|'.join(FOLDERS)})/[\w./*-]*")
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```|^    .*?$|`[^`\n]+`", re.S | re.M)
ROOTS = {"README.md"}
WORDS = [
    (r"\bcrews?\b", "thread pool"),
    (r"\btapes?\b", "spill buffer"),
    (r"(?<!SIMD )\blanes?\b", "worker, or SIMD lane"),
    (r"\broads?\b", "path"),
    (r"\bhouse\b", "project"),
    (r"\bknobs?\b", "setting"),
    (r"(?<!in )\bfronts?\b", "hot-word cache"),
    (r"\b(?:[Tt]he|[Aa]|[Ii]ts) guards?\b", "update clipping"),
    (r"\b[Ff]acts? (of|per)\b", "per-word table"),
    (r"\blatest notes\b", "a date, or what was changed"),
    (r"\b[ED] [-+]?\.?\d", "engine settings, default settings"),
    (r"\b17m\b(?!\.txt)", "the small corpus, 17m.txt"),
]


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def anchor(heading):
    """The name by which a heading is linked to."""
    heading = re.sub(r"[`*]|\]\([^)]*\)|\[", "", heading.strip())
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def anchors(text):
    prose = re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)
    return {anchor(heading) for heading in re.findall(r"^#+ (.*)$", prose, re.M)}


def blank(match):
    """Code becomes spaces, so that offsets and lines stay."""
    return re.sub(r"[^\n]", " ", match.group())


def wide_lines(text):
    at = 0
    for line in text.split("\n"):
        limit = MAX_TABLE_COLUMNS if line.startswith("|") else MAX_COLUMNS
        if len(line) > limit:
            yield at, f"a line of {len(line)} columns, more than {limit}"
        at += len(line) + 1


def bad_links(path, text):
    for match in LINK.finditer(CODE.sub(blank, text)):
        target, _, heading = match.group(1).partition("#")
        if re.match(r"\w+:", target):
            continue
        file = os.path.normpath(os.path.join(os.path.dirname(path), target)) if target else path
        if not os.path.exists(file):
            yield match.start(), f"links to {target}, which is not there"
        elif heading and heading not in anchors(text if file == path else read(file)):
            yield match.start(), f"links to #{heading}, a heading that {file} has not"


def bad_paths(path, text):
    if path.startswith("docs/notebook/"):
        return
    for match in PATH.finditer(text):
        name = match.group().rstrip(".")
        if not re.search("NAME|FOLDER", name) and not glob.glob(name):
            yield match.start(), f"names {name}, which is not there"


def bad_words(text):
    prose = CODE.sub(blank, text)
    for rule, instead in WORDS:
        for match in re.finditer(rule, prose):
            yield match.start(), f"'{match.group()}': say {instead}"


def complaints(path, text):
    found = [*wide_lines(text), *bad_links(path, text), *bad_paths(path, text), *bad_words(text)]
    return [f"{path}:{text.count(chr(10), 0, at) + 1}: {says}" for at, says in sorted(found)]


def unlinked(texts):
    linked = {os.path.normpath(os.path.join(os.path.dirname(path), target.partition("#")[0]))
              for path, text in texts.items() for target in LINK.findall(text)}
    return [f"{path}: no other document links to it" for path in sorted(texts)
            if path not in linked | ROOTS]


def true_arrows(cmake):
    """{folder, or wing of the server: what it needs of its kind}; a server's wings count as it."""
    arrows = {}
    for folder, (_, needs) in read_law(cmake).items():
        top, _, wing = folder.partition("/")
        if wing:
            arrows[wing] = {n.removeprefix("server/") for n in needs if n.startswith("server/")}
        arrows[top] = arrows.get(top, set()) | {n for n in needs if n in FOLDERS and n != top}
    arrows.pop("cli", None)
    return arrows


def drawn_arrows(text):
    section = re.search(r"^## The law of arrows$.*?(?=^## |\Z)", text, re.S | re.M)
    arrows = {}
    lines = section.group() if section else ""
    for names, needs in re.findall(r"^    ([a-z, ]+?) +-> (.+)$", lines, re.M):
        words = set() if needs.startswith("nothing") else set(needs.split())
        arrows.update({name: words for name in names.split(", ")})
    arrows.pop("cli", None)
    return arrows


def wrong_arrows(text, cmake):
    true, drawn = true_arrows(cmake), drawn_arrows(text)
    return [f"ARCHITECTURE.md: {name} -> {' '.join(sorted(drawn.get(name, ['?'])))}, but "
            f"CMakeLists.txt says {' '.join(sorted(true.get(name, ['?'])))}"
            for name in sorted(true.keys() | drawn.keys()) if true.get(name) != drawn.get(name)]


def stale_conf():
    program = os.environ.get("VECMILL")
    if not program:
        return []
    printed = subprocess.run([program, "help", "conf"], check=True, capture_output=True, text=True)
    same = printed.stdout == read("vecmill.conf")
    return [] if same else ["vecmill.conf: is not what 'vecmill help conf' prints"]


GOOD = ("# A title\n\nSee [the title](#a-title), `tests/check/check_docs.py`, `kernel/*.h`, "
        "`tests/FOLDER/test_NAME.c`\nand a SIMD lane.\n\n```\nlane_pack\n```\n")
BAD = {
    "a line of 101 columns": "x" * 101,
    "a line of 121 columns": "|" + "x" * 120,
    "links to gone.md": "see [this](gone.md)",
    "links to #gone": "see [this](#gone)",
    "names kernel/gone.c": "see `kernel/gone.c`.",
    "names tests/gone_*": "all of tests/gone_*",
    "'crew'": "the crew reads", "'tape'": "a tape", "'lane'": "each lane", "'road'": "a road",
    "'house'": "the house", "'knob'": "a knob", "'front'": "a front", "'the guard'": "by the guard",
    "'facts of'": "facts of words", "'latest notes'": "the latest notes", "'E -6'": "E -6%",
    "'D 1'": "D 1.5", "'17m'": "on 17m and",
}


def self_test():
    """Names of the rules that do not find what was planted, or find what is not there."""
    failed = [says for says in complaints("README.md", GOOD)]
    for expected, text in BAD.items():
        says = complaints("README.md", text)
        if len(says) != 1 or expected not in says[0]:
            failed.append(f"planted {text[:40]!r}, expected \"{expected}\", found {says}")
    if complaints("docs/notebook/x.md", "see `kernel/gone.c`"):
        failed.append("a notebook may name what is gone")
    if unlinked({"README.md": "[a](docs/a.md)", "docs/a.md": "", "docs/b.md": ""}) != [
            "docs/b.md: no other document links to it"]:
        failed.append("an unlinked document was not found")
    cmake = ("vecmill_folder(base NEEDS m)\nvecmill_folder(train NEEDS base)\n"
             "vecmill_folder(server/json NEEDS base)\n"
             "vecmill_folder(server/http NEEDS server/json base)\n"
             "vecmill_folder(server NEEDS server/http train)\n")
    law = ("## The law of arrows\n\n    server -> train base\n    train  -> base\n"
           "    base   -> nothing\n\n    http -> json\n    json -> nothing of it\n")
    if wrong_arrows(law, cmake):
        failed.append(f"good arrows: {wrong_arrows(law, cmake)}")
    if len(wrong_arrows(law.replace("http -> json", "http -> nothing"), cmake)) != 1:
        failed.append("a wrong arrow was not found")
    return failed


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
    failed = self_test()
    for says in failed:
        print(f"check_docs: self-test: {says}", file=sys.stderr)
    paths = sorted(glob.glob("*.md") + [path for folder in ("docs", "clients")
                                       for path in glob.glob(f"{folder}/**/*.md", recursive=True)])
    texts = {path: read(path) for path in paths}
    found = [says for path, text in texts.items() for says in complaints(path, text)]
    found += unlinked(texts) + stale_conf()
    found += wrong_arrows(texts["ARCHITECTURE.md"], read("CMakeLists.txt"))
    for says in found:
        print(says, file=sys.stderr)
    if failed or found:
        sys.exit(f"check_docs: {len(found)} complaints, {len(failed)} failures of its own test")
    print(f"check_docs: {len(paths)} documents keep to the rules")


if __name__ == "__main__":
    main()
