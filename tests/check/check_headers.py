"""Every header compiles alone: it includes what it uses, has a guard, and editors (clangd) read it.

Compiles each header of the tree by itself. Warnings are errors, but for functions and constants
that nobody uses yet. CC names the compiler, gcc unless said."""
import multiprocessing.pool
import os
import pathlib
import subprocess
import sys

FOLDERS = "base kernel config sampler loss embedding corpus train server cli tests bench".split()
FLAGS = ("-std=c11 -D_GNU_SOURCE -I. -Wall -Wextra -Werror -Wno-unused-function "
         "-Wno-unused-const-variable").split()


def compile_alone(path):
    """The compiler's complaint about a header, or nothing."""
    command = [os.environ.get("CC", "gcc"), *FLAGS]
    if "BUILD" in os.environ:
        command += ["-I", os.environ["BUILD"]]  # headers made by the build
    command += ["-fsyntax-only", "-x", "c", str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stderr if done.returncode != 0 else ""


def guarded(path):
    lines = [line for line in path.read_text().splitlines() if line.startswith("#")]
    return (len(lines) > 1 and lines[0].startswith("#ifndef ")
            and lines[1] == lines[0].replace("#ifndef", "#define"))


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    os.chdir(root)
    headers = sorted(p for folder in FOLDERS for p in pathlib.Path(folder).rglob("*.h"))
    assert headers, "no headers found"
    bad = 0
    with multiprocessing.pool.ThreadPool(os.cpu_count()) as pool:
        for path, complaint in zip(headers, pool.map(compile_alone, headers)):
            if complaint:
                bad += 1
                print(f"check_headers: {path} does not compile alone\n{complaint}")
            if not guarded(path):
                bad += 1
                print(f"check_headers: {path} has no include guard as its first directive")
    if bad == 0:
        print(f"check_headers: {len(headers)} headers compile alone")
    return bad != 0


if __name__ == "__main__":
    sys.exit(main())
