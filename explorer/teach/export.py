"""Exports of a run, each as the content of a file: numbers, graph, picture, snippet, derivations."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable
from typing import Any, Final

import networkx as nx
import numpy as np

import engine
from engine import Run
from engine.language import names, notation
from engine.working import Line, Section
from engine.working import messages as explain
from explorer.model import Array
from explorer.picture.readings import magnitudes
from explorer.state import State, to_query
from explorer.state.session import MAX_BYTES

MAX_ROWS: Final = 500_000  # of the table: about 40 MB
MAX_NODES: Final = 20_000  # of the graph


def npz(run: Run) -> bytes:
    """All numbers of a run as a NumPy archive, without pickles: value.h, grad.h, param.W, param_grad.W, initial.h, … .

    Arrays are (T, B, n), parameters in their shape, initial values (K, B, n); text is the cell's.
    """
    arrays: dict[str, Any] = {"loss": run.loss, "losses": run.losses, "weights": run.weights, "y": run.y}
    groups = {
        "value": run.value, "grad": run.grad, "param": run.parameters, "param_grad": run.param_grad,
        "initial": run.initial, "initial_grad": run.initial_grad,
    }  # fmt: skip
    for group, named in groups.items():
        arrays |= {f"{group}.{name}": array for name, array in named.items()}
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, text=np.array(run.cell.text), **arrays)
    return file.getvalue()


def table(run: Run) -> str:
    """Values and gradients as CSV, a row for each step, sample and unit of each name; initial values stand at t ≤ 0.

    Steps, samples and units are counted from 1. Raises ValueError for more than `MAX_ROWS` rows.
    """
    check_table(run)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["name", "step", "sample", "unit", "value", "gradient"])
    for name in run.value:
        if name in run.initial:
            writer.writerows(_rows(name, run.initial[name], run.initial_grad[name], 1 - len(run.initial[name])))
        writer.writerows(_rows(name, run.value[name], run.grad[name], 1))
    return text.getvalue()


def check_table(run: Run) -> None:
    """Raise ValueError for a run whose table would be too long."""
    rows = sum(array.size for array in (*run.value.values(), *run.initial.values()))
    if rows > MAX_ROWS:
        raise ValueError(f"the table would have {rows:,} rows; at most {MAX_ROWS:,} are written: take the NPZ instead")


def _rows(name: str, value: Array, gradient: Array, first: int) -> list[tuple[Any, ...]]:
    places = np.ndindex(value.shape)
    numbers = zip(value.ravel().tolist(), gradient.ravel().tolist(), strict=True)
    return [(name, t + first, b + 1, i + 1, v, g) for (t, b, i), (v, g) in zip(places, numbers, strict=True)]


def network(run: Run) -> nx.MultiDiGraph:
    """The unrolled graph with plain attributes: nodes are texts such as h(3), with norms; edges have the norm of their message.

    Raises ValueError for more than `MAX_NODES` nodes.
    """
    check_network(run)
    source = engine.unroll(run)
    messages = {
        (target, read.argument): magnitudes(message)
        for target in run.cell.nodes
        for read, message in run.messages(target, names=(*run.cell.nodes, "x"))
    }
    norms = {name: (magnitudes(run.value[name]), magnitudes(run.grad[name])) for name in run.value}
    early = {name: (magnitudes(run.initial[name]), magnitudes(run.initial_grad[name])) for name in run.initial}
    graph = nx.MultiDiGraph(cell=run.cell.name, text=run.cell.text, steps=run.T, loss=run.loss)
    for (name, t), row in source.nodes(data=True):
        at: dict[str, Any] = {"name": name, "step": t, "role": row["role"], "initial": row["initial"]}
        at["operation"] = row["operation"] or ""
        if name in norms:
            value, gradient = norms[name] if t > 0 else early[name]
            at["value_norm"], at["gradient_norm"] = float(value[t - 1]), float(gradient[t - 1])
        graph.add_node(f"{name}({t})", **at)
    for (name, s), (target, t), row in source.edges(data=True):
        at = {"argument": row["argument"], "lag": row["lag"]}
        if (target, row["argument"]) in messages:
            at["message_norm"] = float(messages[target, row["argument"]][t - 1])
        graph.add_edge(f"{name}({s})", f"{target}({t})", key=row["argument"], **at)
    return graph


def check_network(run: Run) -> None:
    """Raise ValueError for a run whose graph would be too large."""
    count = run.T * (len(run.cell.nodes) + 2)
    if count > MAX_NODES:
        raise ValueError(f"the graph would have {count:,} nodes; at most {MAX_NODES:,} are written: take fewer steps")


def graphml(run: Run) -> bytes:
    """The unrolled graph as GraphML."""
    file = io.BytesIO()
    nx.write_graphml(network(run), file)
    return file.getvalue()


def node_link(run: Run) -> str:
    """The unrolled graph as node-link JSON; a number that is not finite is null."""
    return json.dumps(_finite(nx.node_link_data(network(run))), allow_nan=False, ensure_ascii=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def page(figure: Any) -> str:
    """A plotly figure as a page that works offline: plotly.js is in it."""
    config = {
        "displaylogo": False, "responsive": True, "scrollZoom": True,
        "toImageButtonOptions": {"format": "svg", "filename": "unrolled"},
    }  # fmt: skip
    return str(figure.to_html(include_plotlyjs=True, full_html=True, config=config))


def snippet(state: State) -> str:
    """A few lines of Python that make the same run in a notebook, with the user's texts as literals."""
    return (
        "# In a folder with Unrolled, or where it is installed\n"
        "from explorer.model import run as computed\n"
        "from explorer.state import from_query\n"
        f"state, problems = from_query({to_query(state, MAX_BYTES)!r}, {MAX_BYTES})\n"
        "run = computed(state.model)\n"
        "print(run.loss, run.grad.keys(), problems)\n"
    )


def latex(run: Run) -> str:
    """The equations of a step in LaTeX."""
    return run.cell.latex() + "\n"


def derivation(run: Run, name: str, t: int, sample: int = 0) -> str:
    """The value and the gradient of a node or a parameter as a LaTeX document, each equation in symbols and in numbers.

    Args:
        run: the run.
        name: of the node or the parameter.
        t: the step of the node, or of the parameter's copy; initial values have t ≤ 0.
        sample: counted from 0.

    Raises:
        ValueError: if the node, the step or the sample does not exist.
    """
    node, nabla = notation.at_step(name, (), str(t)), notation.nabla(name, str(t))
    if name in run.parameters:
        copy, whole = notation.nabla(name, str(t)), notation.nabla(name)
        if not 1 <= t <= run.T:
            raise ValueError(f"t is {t}; the copies of {name} have steps 1 to {run.T}")
        parts = [
            ("The same numbers at every step", [f"{names.latex(name)} = {notation.matrix(run.parameters[name])}"]),
            ("The copy that this step uses", [f"{copy} = {notation.matrix(run.step_grad(name)[t - 1])}"]),
            (
                "The sum over the copies of all steps",
                [
                    rf"{whole} = \sum_{{t=1}}^{{{run.T}}} {notation.nabla(name, 't')} = {notation.matrix(run.param_grad[name])}"
                ],
            ),
        ]
    else:
        back = explain.backward(run, name, t, sample)
        parts = []
        if name in run.cell.nodes and t > 0:
            forth = explain.forward(run, name, t, sample)
            filled = f"{node} = {forth.numbers} = {notation.matrix(forth.value)}"
            parts.append(("How it is computed", [forth.symbols, filled]))
        else:
            value = run.at(name, t)[sample]
            parts.append(("It is given", [f"{node} = {notation.matrix(value)}"]))
        parts.append(("How the loss reaches it: a term for each edge that leaves it", [back.symbols]))
        rows = [f"{message.symbols} &= {notation.matrix(message.vector)}" for message in back.messages]
        if back.seed is not None:
            rows.insert(0, f"{back.factor} &= {notation.number(back.seed)}")
        if rows:
            aligned = " \\\\[1ex]\n".join(rows)
            parts.append((f"In numbers, with $t = {t}$", [f"\\begin{{aligned}}\n{aligned}\n\\end{{aligned}}"]))
        parts.append(("Their sum", [f"{nabla} = {notation.matrix(back.gradient)}"]))
    lines = [r"\documentclass{article}", r"\usepackage{amsmath}", r"\begin{document}", rf"\section*{{${node}$}}"]
    for heading, formulas in parts:
        lines += [f"{heading}:", *(f"\\[\n{formula}\n\\]" for formula in formulas)]
    return "\n".join([*lines, r"\end{document}", ""])


def derived_latex(sections: Iterable[Section], detail: str, title: str) -> str:
    r"""Sections of the derivation as a LaTeX document; `detail` is a key of `DETAILS`, `title` LaTeX."""
    lines = [
        r"\documentclass{article}", r"\usepackage[margin=2cm]{geometry}", r"\usepackage{amsmath,amssymb,cancel}",
        r"\begin{document}", rf"\section*{{{title}}}",
    ]  # fmt: skip
    for section in sections:
        lines += [rf"\subsection*{{{section.title}}}", f"{section.source}.", ""]
        for line in section.lines:
            lines += [rf"\noindent\textbf{{{line.row}}} {line.explanation}"]
            lines += [f"\\[\n{formula}\n\\]" for formula in formulas(line, detail)]
            lines += [rf"{mark(line)}", ""]
    return "\n".join([*lines, r"\end{document}", ""]).replace("✓", r"\checkmark").replace("✗", r"$\times$")


def derived_markdown(sections: Iterable[Section], detail: str, title: str) -> str:
    """The same as Markdown, with mathematics between dollar signs."""
    lines = [f"# {title}", ""]
    for section in sections:
        lines += [f"## {section.title}", "", f"{section.source}.", ""]
        for line in section.lines:
            lines += [f"**{line.row}** {line.explanation}", ""]
            for formula in formulas(line, detail):
                lines += ["$$", formula, "$$", ""]
            lines += [mark(line), ""]
    return "\n".join(lines)


def formulas(line: Line, detail: str) -> list[str]:
    """The formulas of a line in a detail: its symbols, its numbers, its entries one below the other."""
    parts = [line.symbols]
    if detail != "symbols":
        parts.append(line.numbers)
    if detail == "elements" and line.elements:
        rows = r" \\[4pt] ".join(f"& {element}" for element in line.elements)
        parts.append(rf"\begin{{aligned}} {rows} \end{{aligned}}")
    return parts


def mark(line: Line) -> str:
    """The result of a line's check, in words."""
    if not math.isfinite(line.error):
        return "✗ not checked: not all of its numbers are finite."
    size = f"{line.error:.1g}".replace("e-0", "e-")
    difference = "the sides agree exactly" if line.error == 0 else f"relative difference {size}"
    return f"{'✓' if line.passed else '✗'} {difference}, by {line.checked_by}."
