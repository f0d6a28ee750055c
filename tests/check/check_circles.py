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


def read_symbols(library):
    """For each object of the library: the names it defines and the names it uses."""
    output = subprocess.run(["nm", "-A", library], check=True, capture_output=True, text=True)
    defined, used = {}, {}
    for line in output.stdout.splitlines():
        place, entry = line.rsplit(":", 1)
        name, fields = place.split(":")[1].removesuffix(".o"), entry.split()
        kind, symbol = fields[-2:]
        defined.setdefault(name, set())
        used.setdefault(name, set())
        if kind == "U":
            used[name].add(symbol)
        elif kind.isupper():
            defined[name].add(symbol)
    return defined, used


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


def main():
    libraries = sorted(glob.glob(os.path.join(os.environ["BUILD"], "lib*.a")))
    if not libraries:
        sys.exit("check_circles: there is no library in $BUILD")
    files, bad = 0, 0
    for library in libraries:
        defined, used = read_symbols(library)
        owner = {symbol: name for name in defined for symbol in defined[name]}
        needs = {name: {owner[s] for s in used[name] if s in owner} - {name} for name in defined}
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
    print(f"check_circles: none in {files} files of {len(libraries)} libraries")


if __name__ == "__main__":
    main()
