"""The law of arrows, and what the design forbids, read from the sources. No build needed.

The law stands in CMakeLists.txt and nowhere else:
    vecmill_folder(NAME PUBLIC headers NEEDS folders)
A folder includes itself, the public headers of what it needs, and nothing else.
"""

import collections
import glob
import os
import re
import sys

MAX_LINES = 600
BANNED = r"\b(sprintf|vsprintf|strcpy|strcat|strtok|atoi|atol|atof|rand|srand|gets|alloca)\s*\("
WORLD = r"(?<![.>\w])(printf|puts|putchar|perror|exit|_exit|abort|getenv|secure_getenv)\s*\("
OPENS = r"\b(fopen|creat|mkstemp|mkostemp)\s*\(|O_(WRONLY|RDWR|CREAT)"
TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:[^"\\\n]|\\.)*"', re.S)
# A system header that only these files may include.
GUARDED = {"microhttpd.h": r"server/http/http\.c", "jansson.h": r"server/.*"}


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def read_law(text):
    """{folder: (public headers or None for all, needed folders)} of CMakeLists.txt."""
    law = {}
    for call, arguments in re.findall(r"^vecmill_(folder|program)\(([^)]*)\)", text, re.M):
        words, key, lists = arguments.split(), None, collections.defaultdict(list)
        for word in words[1:] if call == "folder" else words[2:]:
            if word in ("PUBLIC", "NEEDS"):
                key = word
            else:
                lists[key].append(word)
        folder = words[0] if call == "folder" else words[1]
        public = lists["PUBLIC"] or [os.path.basename(folder) + ".h"]
        law[folder] = (None if public == ["*"] else set(public), set(lists["NEEDS"]))
    return law


def folder_of(path, law):
    """The innermost folder of the law that holds the path."""
    while path and path not in law:
        path = os.path.dirname(path)
    return path


def check_includes(path, text, law, complain):
    home = folder_of(path, law)
    for header in re.findall(r'^#include "([^"]+)"', text, re.M):
        to = folder_of(header, law)
        if to == home:
            continue
        if not to or to not in law[home][1]:
            complain(f"{path} includes {header}: {home} may not see {to or 'that'}")
        elif header.endswith("_private.h"):
            complain(f"{path} includes {header}: a private header is for {to} only")
        elif law[to][0] is not None and os.path.relpath(header, to) not in law[to][0]:
            complain(f"{path} includes {header}, which is private to {to}")
    for header, where in GUARDED.items():
        if re.search(rf"^#include <{re.escape(header)}>", text, re.M):
            if not re.fullmatch(where, path):
                complain(f"{path} includes <{header}>; only {where} may")


def check_words(path, text, complain):
    code = TOKEN.sub(lambda match: '""' if match.group().startswith('"') else " ", text)
    folder = path.split("/")[0]
    found = re.search(BANNED, code)
    if found:
        complain(f"{path} uses a banned function: {found.group()}")
    found = re.search(WORLD, code)
    if found and folder != "cli":
        complain(f"{path} prints, exits or reads the environment: {found.group()}")
    if folder != "base" and re.search(OPENS, code):
        complain(f"{path} opens files for writing; base/file.h does that")


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
    complaints = []
    law = read_law(read("CMakeLists.txt"))
    sources = sorted(
        path
        for top in {folder.split("/")[0] for folder in law}
        for path in glob.glob(f"{top}/**/*.[ch]", recursive=True)
    )
    tests = sorted(glob.glob("tests/**/*.[ch]", recursive=True))
    for path in sources:
        text = read(path)
        check_includes(path, text, law, complaints.append)
        check_words(path, text, complaints.append)
    for path in sources + tests:
        lines = read(path).count("\n")
        if lines > MAX_LINES:
            complaints.append(f"{path} has {lines} lines, more than {MAX_LINES}")
    names = collections.Counter(os.path.basename(path) for path in sources + tests)
    complaints += [f"{name} stands twice in the tree" for name, n in names.items() if n > 1]
    for complaint in complaints:
        print(f"check_tree: {complaint}", file=sys.stderr)
    if complaints:
        sys.exit(f"check_tree: {len(complaints)} complaints")
    print(f"check_tree: the law of arrows holds in {len(sources)} files of {len(law)} folders")


if __name__ == "__main__":
    main()
