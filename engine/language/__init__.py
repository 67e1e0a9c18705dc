"""The language of cells: names, operations, equations, the cell that they make, and the catalogue of ready ones."""

from engine.language import names, notation, printer
from engine.language.catalogue import ACTIVATIONS, TERMS, with_squared_error
from engine.language.cell import Cell
from engine.language.equations import MAX_TEXT, lifted
from engine.language.expressions import Apply, EquationError, Expression, Name, Number
from engine.language.names import Symbol, index_text, latex, symbol_of, written
from engine.language.operations import ARITHMETIC, CALLS, FUNCTIONS, LOSSES, OPERATIONS, SOFTMAX, Array
from engine.language.shapes import MAX_SIZE, Sizes

__all__ = [
    "ACTIVATIONS",
    "ARITHMETIC",
    "CALLS",
    "FUNCTIONS",
    "LOSSES",
    "MAX_SIZE",
    "MAX_TEXT",
    "OPERATIONS",
    "SOFTMAX",
    "TERMS",
    "Apply",
    "Array",
    "Cell",
    "EquationError",
    "Expression",
    "Name",
    "Number",
    "Sizes",
    "Symbol",
    "index_text",
    "latex",
    "lifted",
    "names",
    "notation",
    "printer",
    "symbol_of",
    "with_squared_error",
    "written",
]
