"""Runs the code cells of a notebook as Jupyter would, in one namespace and in their order, with
nothing but the standard library: no kernel, no magics. The last expression of a cell is displayed.

    python3 tests/support/notebook.py NOTEBOOK [--write]

--write stores what the cells print in the notebook."""

import ast
import contextlib
import io
import json
import os
import sys


def displayed(value):
    """The forms of a value that a notebook keeps."""
    forms = {"text/plain": lines(repr(value))}
    html = getattr(value, "_repr_html_", None)
    if html is not None:
        forms["text/html"] = lines(html())
    return forms


def lines(text):
    return text.splitlines(keepends=True)


def run_cell(source, name, namespace):
    """The outputs of one cell: what it prints, and the value of its last expression."""
    tree = ast.parse(source, name)
    last = None
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        last = ast.Expression(tree.body.pop().value)
    printed, value = io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, name, "exec"), namespace)
        if last is not None:
            value = eval(compile(last, name, "eval"), namespace)
    outputs = []
    if printed.getvalue():
        outputs.append(
            {"name": "stdout", "output_type": "stream", "text": lines(printed.getvalue())}
        )
    if value is not None:
        outputs.append({"data": displayed(value), "metadata": {}, "output_type": "execute_result"})
    return outputs


def run(notebook, replace=lambda source: source):
    """The outputs of each code cell. `replace` changes a source before it runs."""
    namespace, found = {"__name__": "__main__"}, []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            name = "cell %d" % (len(found) + 1)
            found.append(run_cell(replace("".join(cell["source"])), name, namespace))
    return found


def main():
    path = sys.argv[1]
    with open(path, encoding="utf-8") as file:
        notebook = json.load(file)
    os.chdir(os.path.dirname(os.path.abspath(path)))
    outputs = run(notebook)
    if "--write" not in sys.argv:
        return
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for number, (cell, out) in enumerate(zip(cells, outputs), 1):
        cell["execution_count"] = number
        for output in out:
            if output["output_type"] == "execute_result":
                output["execution_count"] = number
        cell["outputs"] = out
    with open(os.path.basename(path), "w", encoding="utf-8") as file:
        json.dump(notebook, file, indent=1, ensure_ascii=False, sort_keys=True)
        file.write("\n")


if __name__ == "__main__":
    main()
