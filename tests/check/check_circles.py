"""No two files of a folder may need each other, directly or around a corner.

Reads the symbols of the built libraries, so that calls count and not only includes: file A needs
file B of the same library when A uses a function or a variable that B defines. BUILD names the
folder of the build. A circle that is allowed stands in ARCHITECTURE.md with its reason, and in
ALLOWED here.
"""

import glob
import os
import subprocess
import sys

ALLOWED = set()  # frozensets of file names


def read_symbols(listing):
    """The output of nm -A. For each object of a library: the names it defines, those it uses."""
    defined, used = {}, {}
    for line in listing.splitlines():
        place, _, entry = line.rpartition(":")
        name, fields = place.split(":")[-1].removesuffix(".o"), entry.split()
        kind, symbol = fields[-2:]
        defined.setdefault(name, set())
        used.setdefault(name, set())
        if kind == "U":
            used[name].add(symbol)
        elif kind.isupper():  # lower-case kinds are seen in their own file only
            defined[name].add(symbol)
    return defined, used


def needs_of(defined, used):
    owner = {symbol: name for name in defined for symbol in defined[name]}
    return {name: {owner[s] for s in used[name] if s in owner} - {name} for name in defined}


def find_circles(needs):
    """Strongly connected components with more than one member (Tarjan 1972)."""
    index, low, stack, circles = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(needs[node]):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            circle = []
            while not circle or circle[-1] != node:
                circle.append(stack.pop())
            if len(circle) > 1:
                circles.append(sorted(circle))

    for node in sorted(needs):
        if node not in index:
            visit(node)
    return circles


def self_test():
    """A planted circle must be found: a check that cannot complain is a defect."""
    listing = (
        "lib.a:a.c.o:0000 T a_call\nlib.a:a.c.o: U b_call\nlib.a:a.c.o:0000 t local\n"
        "lib.a:b.c.o:0000 T b_call\nlib.a:b.c.o: U c_table\n"
        "lib.a:c.c.o:0000 D c_table\nlib.a:c.c.o: U a_call\nlib.a:c.c.o: U free\n"
        "lib.a:d.c.o:0000 T d_call\nlib.a:d.c.o: U a_call\nlib.a:d.c.o:0000 t local\n"
    )
    needs = needs_of(*read_symbols(listing))
    assert needs == {"a.c": {"b.c"}, "b.c": {"c.c"}, "c.c": {"a.c"}, "d.c": {"a.c"}}, needs
    assert find_circles(needs) == [["a.c", "b.c", "c.c"]]
    needs["c.c"] = {"d.c"}
    assert find_circles(needs) == [["a.c", "b.c", "c.c", "d.c"]]
    needs["c.c"] = set()
    assert find_circles(needs) == []


def main():
    self_test()
    build = os.environ.get("BUILD", "build/release")
    libraries = sorted(glob.glob(os.path.join(build, "lib*.a")))
    if not libraries:
        sys.exit(f"check_circles: there is no library in {build}; BUILD names the build's folder")
    files, bad = 0, 0
    for library in libraries:
        command = ["nm", "-A", library]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        defined, used = read_symbols(output)
        needs = needs_of(defined, used)
        files += len(needs)
        for circle in find_circles(needs):
            if frozenset(circle) in ALLOWED:
                continue
            bad += 1
            print(f"{os.path.basename(library)}: a circle of {len(circle)}: {' '.join(circle)}")
            for name in circle:
                for other in sorted(needs[name] & set(circle)):
                    symbols = sorted(used[name] & defined[other])
                    print(f"    {name} needs {other} for {', '.join(symbols)}")
    if bad:
        sys.exit(f"check_circles: {bad} circles")
    if files == 0:
        sys.exit(f"check_circles: the libraries in {build} hold no object")
    print(f"check_circles: none in {files} files of {len(libraries)} libraries")


if __name__ == "__main__":
    main()
