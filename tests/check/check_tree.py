"""The law of arrows, and what the design forbids, read from the sources. No build needed.

The law stands in CMakeLists.txt and nowhere else:
    vecmill_folder(NAME PUBLIC headers NEEDS folders)
A folder includes itself, the public headers of what it needs, and nothing else. It needs only what
stands above it, so that there is no circle.
"""

import collections
import glob
import os
import re
import subprocess
import sys

MAX_LINES = 600
BANNED = r"\b(sprintf|vsprintf|strcpy|strcat|strtok|atoi|atol|atof|rand|srand|gets|alloca)\s*\("
WORLD = r"(?<![.>\w])(printf|puts|putchar|perror|exit|_exit|abort|getenv|secure_getenv)\s*\("
OPENS = r"\b(?:fopen|creat|mkstemp|mkostemp)\s*\(|O_(?:WRONLY|RDWR|CREAT)"
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.M)
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


def law_faults(law):
    if not law:
        yield "CMakeLists.txt: no vecmill_folder() is found"
    above = set()
    for folder, (_, needs) in law.items():
        for other in sorted(needs & law.keys() - above):
            yield f"CMakeLists.txt: {folder} needs {other}, which does not stand above it"
        above.add(folder)


def include_faults(path, text, law):
    home = folder_of(path, law)
    for mark, header in INCLUDE.findall(text):
        if mark == "<":
            where = GUARDED.get(header)
            if where and not re.fullmatch(where, path):
                yield f"{path} includes <{header}>; only {where} may"
            continue
        to = folder_of(header, law)
        if to == home:
            continue
        if not to or to not in law[home][1]:
            yield f"{path} includes {header}: {home} may not see {to or 'that'}"
        elif header.endswith("_private.h"):
            yield f"{path} includes {header}: a private header is for {to} only"
        elif law[to][0] is not None and os.path.relpath(header, to) not in law[to][0]:
            yield f"{path} includes {header}, which is private to {to}"


def word_faults(path, text):
    code = TOKEN.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)
    top = path.split("/")[0]
    rules = [(BANNED, "is a banned function", True)]
    rules.append((WORLD, "prints, exits or reads the environment; cli/ does that", top != "cli"))
    rules.append((OPENS, "opens a file for writing; base/file.h does that", top != "base"))
    for pattern, says, applies in rules:
        for match in re.finditer(pattern, code) if applies else ():
            line = code.count("\n", 0, match.start()) + 1
            yield f"{path}:{line}: {match.group().rstrip('( ')} {says}"


def code_files():
    """What git has of C and scripts, those whose first line names their interpreter among them."""
    for path in subprocess.check_output(["git", "ls-files"], text=True).splitlines():
        if not os.path.isfile(path):
            continue
        if not re.search(r"\.(c|h|py|sh)$", path):
            with open(path, "rb") as file:
                if file.read(2) != b"#!":
                    continue
        yield path


def size_faults(texts):
    """texts: {path: text} of all files that people write code in."""
    for path, text in texts.items():
        if text.count("\n") > MAX_LINES:
            yield f"{path} has {text.count(chr(10))} lines, more than {MAX_LINES}"


def tree_faults(texts):
    """texts: {path: text} of all C files."""
    names = collections.defaultdict(list)
    for path in texts:
        names[os.path.basename(path)].append(path)
    for name, paths in names.items():
        if len(paths) > 1:
            yield f"{name} stands twice in the tree: {' '.join(paths)}"


def self_test():
    """Every rule must see a defect that is planted here: one that cannot complain is a defect."""
    law = read_law(
        "vecmill_folder(low PUBLIC *)\n"
        "vecmill_folder(low/wing PUBLIC a.h a_private.h\n  NEEDS low)\n"
        "vecmill_folder(top NEEDS low/wing m)\n"
        "vecmill_program(program cli NEEDS top)\n"
    )
    wings = {"low": (None, set()), "low/wing": ({"a.h", "a_private.h"}, {"low"})}
    assert law == wings | {"top": ({"top.h"}, {"low/wing", "m"}), "cli": ({"cli.h"}, {"top"})}, law
    assert not list(law_faults(law))
    assert list(law_faults({})) and list(law_faults({"a": (None, {"b"}), "b": (None, set())}))
    planted = [
        ("top/x.c", '#include "top/y.h"\n#include "low/wing/a.h"', 0),
        ("top/x.c", '#include "low/any.h"', 1),  # not needed
        ("top/x.c", ' # include "low/any.h"', 1),
        ("low/x.c", '#include "top/top.h"', 1),  # upwards
        ("low/x.c", '#include "low/wing/a.h"', 1),  # into a wing
        ("top/x.c", '#include "low/wing/b.h"', 1),  # not public
        ("top/x.c", '#include "low/wing/a_private.h"', 1),
        ("top/x.c", '#include "elsewhere.h"', 1),
        ("top/x.c", "#include <microhttpd.h>", 1),
        ("server/http/http.c", "#include <microhttpd.h>", 0),
    ]
    for path, text, n in planted:
        assert len(list(include_faults(path, text, law))) == n, (path, text)
    planted = [
        ("top/x.c", 'f();\n/* sprintf() */ g("exit()"); // atoi()\nerr.exit(1), p->abort();', 0),
        ("cli/x.c", "printf(1); exit(0); getenv(name);", 0),
        ("base/x.c", "fopen(path); open(path, O_RDWR);", 0),
        ("cli/x.c", "sprintf(a, b);\natoi(c);", 2),
        ("top/x.c", "printf(a);\n_exit(0);\nsecure_getenv(name);", 3),
        ("top/x.c", "fopen(path); open(path, O_WRONLY);", 2),
    ]
    for path, text, n in planted:
        assert len(list(word_faults(path, text))) == n, (path, text)
    assert not list(size_faults({"a/x.c": "\n" * MAX_LINES}))
    assert len(list(size_faults({"a/x.py": "\n" * (MAX_LINES + 1), "b/x.c": ""}))) == 1
    assert not list(tree_faults({"a/x.c": "", "b/y.c": ""}))
    assert len(list(tree_faults({"a/x.c": "", "b/x.c": ""}))) == 1


def main():
    self_test()
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
    law = read_law(read("CMakeLists.txt"))
    tops = sorted({folder.split("/")[0] for folder in law})
    sources, texts = 0, {}
    faults = list(law_faults(law))
    for top in tops + ["tests", "bench"]:
        for path in sorted(glob.glob(f"{top}/**/*.[ch]", recursive=True)):
            texts[path] = read(path)
            if top in tops:
                sources += 1
                faults += include_faults(path, texts[path], law)
                faults += word_faults(path, texts[path])
    if sources == 0:
        faults.append("there are no sources")
    faults += tree_faults(texts)
    scripts = {path: read(path) for path in code_files() if path not in texts}
    if not scripts:
        faults.append("there are no scripts")
    faults += size_faults(texts | scripts)
    for fault in faults:
        print(f"check_tree: {fault}", file=sys.stderr)
    if faults:
        sys.exit(f"check_tree: {len(faults)} complaints")
    print(f"check_tree: the law of arrows holds in {sources} files of {len(law)} folders")


if __name__ == "__main__":
    main()
