"""The language of cells: what it means, and errors that point at what is wrong. Any text is a cell or such an error."""

from __future__ import annotations

import pytest
from cells import FEATURES, texts
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import CATALOGUE, EquationError, parse
from engine.language import spelling
from engine.language.equations import MAX_LINE, MAX_LINES, MAX_TEXT, equations
from engine.language.expressions import Apply, Name, Number, names, walk
from engine.language.reader import MAX_DEPTH, MAX_LAG, MAX_NAME

HEAD = "L = mse(h, y)"


def shown(expression) -> str:
    """An expression with all its parentheses."""
    if isinstance(expression, Number):
        return f"{expression.value:g}"
    if isinstance(expression, Name):
        return expression.name + (f"[t-{expression.lag}]" if expression.lag else "")
    return f"{expression.operation}({', '.join(map(shown, expression.arguments))})"


def read(text: str) -> str:
    """The expression of the first line, all its parentheses shown."""
    return shown(equations(f"{text}\n{HEAD}")[-2].expression)


# --- what is written is what is meant -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("h = x", "x"),
        ("h = b + W @ h[t-1] + U @ x", "+(+(b, @(W, h[t-1])), @(U, x))"),
        ("h = a - b - c", "-(-(a, b), c)"),
        ("h = a - (b - c)", "-(a, -(b, c))"),
        ("h = a * b + c", "+(*(a, b), c)"),
        ("h = -a * b", "*(neg(a), b)"),
        ("h = -(a * b)", "neg(*(a, b))"),
        ("h = +a", "a"),
        ("h = - - a", "neg(neg(a))"),
        ("h = 1 - z", "-(1, z)"),
        ("h = 1e-3 * .5 * 0x10 * 1_000 * a", "*(*(*(*(0.001, 0.5), 16), 1000), a)"),
        ("h = W @ (U @ x)", "@(W, @(U, x))"),
        ("h = W @ (a * b)", "@(W, *(a, b))"),
        ("h = a * (W @ x)", "*(a, @(W, x))"),
        ("h = W @ x * a", "*(@(W, x), a)"),
        ("h = tanh(a + b)", "tanh(+(a, b))"),
        ("h = h[t-1] * h[t - 64]", "*(h[t-1], h[t-64])"),
        ("  h =x# a comment = tanh(", "x"),
        ("\th = (\tx )", "x"),
    ],
)
def test_expressions_bind_as_in_python(text, meant) -> None:
    assert read(text) == meant


def test_a_call_inside_an_expression_is_a_node_of_its_own() -> None:
    found = equations("h = tanh(sigmoid(x) - sigmoid(softmax(b)) * tanh(x))\nL = 2 * nll(softmax(h), y)")
    assert [(e.name, shown(e.expression), e.within) for e in found] == [
        ("h_sigmoid", "sigmoid(x)", "h"),
        ("h_softmax", "softmax(b)", "h"),
        ("h_sigmoid_2", "sigmoid(h_softmax)", "h"),
        ("h_tanh", "tanh(x)", "h"),
        ("h", "tanh(-(h_sigmoid, *(h_sigmoid_2, h_tanh)))", None),
        ("L_softmax", "softmax(h)", "L"),
        ("L_nll", "nll(L_softmax, y)", "L"),
        ("L", "*(2, L_nll)", None),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "h_tanh = x\nh = 2 * tanh(h_tanh)",  # a node
        "h = 2 * tanh(x)\nh_tanh = h",  # a node, further down
        "h = 2 * tanh(x * h_tanh)",  # a parameter
        "a = h_tanh + x\nh = 2 * tanh(a)",  # a parameter, further up
        "h = 2 * tanh(x)\na = h_tanh * h",  # a parameter, further down
        "h_tanh = x\nh_tanh_2 = x\nh = 2 * tanh(x)",
    ],
)
def test_a_node_made_from_a_call_takes_no_name_of_the_text(text) -> None:
    found = {equation.name: equation for equation in equations(f"{text}\n{HEAD}")}
    made = [equation for equation in found.values() if equation.within]
    assert len(made) == 1
    assert made[0].name.startswith("h_tanh_")
    assert made[0].name not in text
    assert shown(found["h"].expression) == f"*(2, {made[0].name})"


def test_places_are_counted_from_one_in_characters() -> None:
    h, loss = equations("\n  # nothing\n  η = θ * tanh(x)   # η\nL = mse(η, y)")[1:]
    assert (h.place.line, h.place.column) == (3, 3)
    assert isinstance(h.expression, Apply)
    theta, call = h.expression.arguments
    assert (theta.place.line, theta.place.column) == (3, 7)
    assert (call.place.line, call.place.column) == (3, 11)
    assert (loss.place.line, loss.place.column) == (4, 1)


def test_reading_and_walking_go_from_left_to_right() -> None:
    expression = equations("h = a + W @ (b - h[t-2]) * a\n" + HEAD)[0].expression
    assert [(name.name, name.lag) for name in names(expression)] == [("a", 0), ("W", 0), ("b", 0), ("h", 2), ("a", 0)]
    assert next(walk(expression)) is expression


def test_names_that_look_alike_are_one() -> None:
    """Python's ast reads names in Unicode's normal form NFKC: ℌ is H."""
    with pytest.raises(EquationError, match="'H' is defined twice, first on line 1"):
        equations("H = x\nℌ = x\nL = mse(H, y)")


# --- errors ---------------------------------------------------------------------------------------------------------

W2 = "W @ U @ x"
ERRORS = [
    # text, line, column (None: as the Python at hand counts), what the message says
    ("", 1, 1, r"there is no equation; write one a line, such as h = tanh"),
    ("  \n# h = x\n", 1, 1, r"there is no equation"),
    ("h = x", 1, 1, r"a cell needs a loss, such as L = nll\(y_hat, y\); known: nll, mse, bce"),
    ("h = x\nh = 2 * x\nL = mse(h, y)", 2, 1, r"'h' is defined twice, first on line 1; a name has one equation"),
    (
        "h = a + x\na = x\nL = mse(h, y)",
        1,
        5,
        r"'a' is used before it is computed in this step \(line 2, below\); known here: nothing",
    ),
    ("k = x\nh = k + h\nL = mse(h, y)", 2, 9, r"before .* \(its own equation\); known here: k; .* write h\[t-1\]"),
    ("h = tanh(x)\nL = mse(h)", 2, 5, r"mse takes two arguments, as in nll\(y_hat, y\), got 1"),
    ("h = tanh(x, x)\n" + HEAD, 1, 5, r"tanh takes one argument, got 2"),
    ("h = tanh()\n" + HEAD, 1, 5, r"tanh takes one argument, got 0"),
    ("h = tanh(a=x)\n" + HEAD, 1, 5, r"tanh takes plain arguments"),
    ("h = tanh(*x)\n" + HEAD, 1, 5, r"tanh takes plain arguments"),
    ("h = tahn(x)\n" + HEAD, 1, 5, r"'tahn' is not a function; known: bce, .*; did you mean 'tanh'\?"),
    ("h = exec(x)\n" + HEAD, 1, 5, r"'exec' is not a function; known: bce, identity, leaky_relu, mse, nll, relu"),
    ("h = tanh + x\n" + HEAD, 1, 5, r"'tanh' is a function; write tanh\(…\)"),
    ("tanh = x\n" + HEAD, 1, 1, r"'tanh' is a function and cannot be defined"),
    ("x = b\n" + HEAD, 1, 1, r"'x' is the input and cannot be defined; choose another name"),
    ("y = b\n" + HEAD, 1, 1, r"'y' is the target and cannot be defined"),
    ("t = b\n" + HEAD, 1, 1, r"'t' is the step and cannot be defined"),
    ("h = x * t\n" + HEAD, 1, 9, r"'t' is the step; it stands only in h\[t-1\]"),
    ("h = x + y\n" + HEAD, 1, 9, r"y is the target; it stands only as the second argument of a loss"),
    ("h = y[t-1]\n" + HEAD, 1, 5, r"y is the target; it stands only as the second argument of a loss"),
    ("h = x\nL = mse(y, h)", 2, 5, r"the second argument of mse is the target y"),
    ("h = x\nL = mse(y, y)", 2, 9, r"y is the target; it stands only as the second"),
    ("h = x\nL = mse(h, x)", 2, 5, r"the second argument of mse is the target y"),
    ("h = x[t-1]\n" + HEAD, 1, 5, r"x is the input of its own step; define u = x and read u\[t-1\]"),
    ("h = h[t+1]\n" + HEAD, 1, 5, r"h\[t\+1\] lies in the future; a step reads this step or earlier ones: h\[t-1\]"),
    ("h = h[t+0]\n" + HEAD, 1, 5, r"future"),
    ("h = h[t]\n" + HEAD, 1, 5, r"h\[t\] is written h"),
    ("h = h[t-0]\n" + HEAD, 1, 5, r"h\[t-0\] is written h"),
    ("h = h[k]\n" + HEAD, 1, 5, r"an index is t minus a whole number, as in h\[t-1\]"),
    ("h = h[t-k]\n" + HEAD, 1, 5, r"an index is t minus a whole number"),
    ("h = h[t-1.0]\n" + HEAD, 1, 5, r"an index is t minus a whole number"),
    ("h = h[t-True]\n" + HEAD, 1, 5, r"an index is t minus a whole number"),
    ("h = h[t-1:t]\n" + HEAD, 1, 5, r"an index is t minus a whole number"),
    ("h = h[1-t]\n" + HEAD, 1, 5, r"an index is t minus a whole number"),
    ("h = h[-1]\n" + HEAD, 1, 5, r"an index is t minus a whole number"),
    ("h = h[t-65]\n" + HEAD, 1, 5, rf"h\[t-65\] reaches too far back; at most t-{MAX_LAG}"),
    ("h = h[t-1][t-1]\n" + HEAD, 1, 5, r"only a name can be read at an earlier step"),
    ("h = (x + b)[t-1]\n" + HEAD, 1, 5, r"only a name can be read at an earlier step"),
    ("h = k[t-1]\n" + HEAD, 1, 5, r"'k' is read at an earlier step but has no equation; known: h, L"),
    ("hid = hdi[t-1]\nL = mse(hid, y)", 1, 7, r"'hdi' is read at an earlier step .*; did you mean 'hid'\?"),
    ("h[t] = x\n" + HEAD, 1, 1, r"an equation defines a node at step t; write the name alone on the left"),
    ("h[t+1] = x\n" + HEAD, 1, 1, r"write the name alone on the left"),
    ("h, k = x\n" + HEAD, 1, 1, r"the left of = is one name"),
    ("h.k = x\n" + HEAD, 1, 1, r"the left of = is one name"),
    ("h = k = x\n" + HEAD, 1, 1, r"is not an equation; a line is: name = expression"),
    ("h += x\n" + HEAD, 1, 1, r"is not an equation"),
    ("h: int = x\n" + HEAD, 1, 1, r"is not an equation"),
    ("tanh(x)\n" + HEAD, 1, 1, r"is not an equation"),
    ("import os\n" + HEAD, 1, 1, r"is not an equation"),
    ("h = x; k = x\n" + HEAD, 1, 8, r"one equation a line"),
    ("h = \n" + HEAD, 1, None, r"cannot be read"),
    ("h = (x\n" + HEAD, 1, None, r"cannot be read .*; a line is: name = expression"),
    ("h = x)\n" + HEAD, 1, None, r"cannot be read"),
    ("h = 2x\n" + HEAD, 1, None, r"cannot be read"),
    ("h = x ^ 2\n" + HEAD, 1, 5, r"'\^' is not an operation; write a product such as h \* h, here x \* x"),
    ("h = tanh(x)\nL = mse(h, z)", 2, 5, r"the second argument of mse is the target y"),
    ("h = tanh(x)\nL = mse(h, u)", 2, 5, r"the second argument of mse is the target y"),
    ("h = x / 2\n" + HEAD, 1, 5, r"'/' is not an operation; multiply by a constant or a vector parameter"),
    ("h = x ** 2\n" + HEAD, 1, 5, r"'\*\*' is not an operation; write a product such as h \* h"),
    ("h = ~x\n" + HEAD, 1, 5, r"UnaryOp is not part of the language"),
    ("h = x < 2\n" + HEAD, 1, 5, r"a comparison is not part of the language"),
    ("h = x and b\n" + HEAD, 1, 5, r"BoolOp is not part of the language"),
    ("h = x if b else c\n" + HEAD, 1, 5, r"'if' is not part of the language"),
    ("h = lambda: x\n" + HEAD, 1, 5, r"a lambda is not part of the language"),
    ("h = (lambda: x)()\n" + HEAD, 1, 5, r"only a function of the table can be called, by its name"),
    ("h = x.T\n" + HEAD, 1, 5, r"an attribute \('\.'\) is not part of the language"),
    ("h = x.__class__()\n" + HEAD, 1, 5, r"only a function of the table can be called"),
    ("h = [x]\n" + HEAD, 1, 5, r"a list is not part of the language"),
    ("h = x, b\n" + HEAD, 1, 5, r"a comma stands only between the arguments of a call"),
    ("h = {x: b}\n" + HEAD, 1, 5, r"Dict is not part of the language"),
    ("h = (k := x)\n" + HEAD, 1, 6, r"NamedExpr is not part of the language"),
    ("h = f'{x}'\n" + HEAD, 1, 5, r"JoinedStr is not part of the language"),
    ("h = 'x'\n" + HEAD, 1, 5, r"'x' is not a number"),
    ("h = True * x\n" + HEAD, 1, 5, r"True is not a number"),
    ("h = None\n" + HEAD, 1, 5, r"None is not a number"),
    ("h = ...\n" + HEAD, 1, 5, r"Ellipsis is not a number"),
    ("h = 2j * x\n" + HEAD, 1, 5, r"2j is not a number"),
    ("h = 1e999 * x\n" + HEAD, 1, 5, r"this number is too large for a float"),
    ("h = " + "9" * 400 + " * x\n" + HEAD, 1, 5, r"this number is too large for a float"),
    (
        "h = W @ U @ x\n" + HEAD,
        1,
        5,
        r"the left of '@' is a parameter matrix, by its name; write W @ \(U @ h\), from the right",
    ),
    (
        "h = a * W @ x\n" + HEAD,
        1,
        5,
        r"the left of '@' .*; '\*' and '@' bind alike, from the left: write a \* \(W @ h\)",
    ),
    ("h = -W @ x\n" + HEAD, 1, 5, r"the left of '@' .*; '-' binds tighter than '@': write -\(W @ h\)"),
    ("h = 2 @ x\n" + HEAD, 1, 5, r"the left of '@' is a parameter matrix"),
    ("h = h[t-1] @ x\n" + HEAD, 1, 5, r"the left of '@' is a parameter matrix"),
    ("h = W @ 2\n" + HEAD, 1, 9, r"the right of '@' is a vector, not a number"),
    ("h = W @ (2 * 3)\n" + HEAD, 1, 10, r"the right of '@' is a vector, not a number"),
    ("k = x\nh = k @ x\n" + HEAD, 2, 5, r"'k' stands left of '@' but is no parameter; it is a vector"),
    ("h = x @ x\n" + HEAD, 1, 5, r"'x' stands left of '@' but is no parameter"),
    (
        "h = W @ x\nk = tanh(U @ W)\n" + HEAD,
        2,
        14,
        r"'W' is a matrix where it stands left of '@' and cannot be a vector as well",
    ),
    ("h = W + x\nk = W @ x\n" + HEAD, 2, 5, r"'W' is a matrix where it stands left of '@'"),
    ("h = tanh(2)\n" + HEAD, 1, 5, r"tanh takes a vector, not a number"),
    ("h = softmax(1 + 2)\n" + HEAD, 1, 5, r"softmax takes a vector, not a number"),
    ("h = x\nL = mse(2, y)", 2, 5, r"mse takes a vector and the target y, not a number"),
    ("_h = x\nL = mse(_h, y)", 1, 1, r"'_h' is not a name of this language; use letters, digits and _, a letter first"),
    ("h = __import__\n" + HEAD, 1, 5, r"'__import__' is not a name of this language"),
    ("h = x·y\n" + HEAD, 1, 5, r"is not a name of this language"),
    ("h = " + "a" * 41 + "\n" + HEAD, 1, 5, rf"a name has at most {MAX_NAME} characters, this one has 41"),
    ("h = x\0\n" + HEAD, 1, None, r"cannot be read"),
    ("h = x \ud800\n" + HEAD, 1, None, r"cannot be read"),
    ("h = " + "(" * 250 + "x" + ")" * 250 + "\n" + HEAD, 1, None, r"cannot be read"),
    (
        "h = " + "-" * 900 + "x\n" + HEAD,
        1,
        1,
        rf"more than {MAX_DEPTH} operations inside one another; take the line apart",
    ),
    ("h = x" + "+x" * 400 + "\n" + HEAD, 1, 1, rf"more than {MAX_DEPTH} operations inside one another"),
    ("h = x " + "+" * MAX_LINE + "\n" + HEAD, 1, 1, rf"a line has at most {MAX_LINE:,} characters, this one has 2,006"),
    ("h = x\n" * 10_000, 1, 1, rf"a cell has at most {MAX_TEXT:,} characters, this one has 60,000"),
    ("h = " + "x" * 1_000_000, 1, 1, r"a cell has at most 50,000 characters, this one has 1,000,004"),
    (
        "".join(f"h{i} = x\n" for i in range(201)) + "L = mse(h1, y)",
        201,
        1,
        rf"a cell has at most {MAX_LINES} equations, this one has 202",
    ),
]


#: What people write, the column that is told, and what the message says to write instead.
ELSEWHERE = [
    ("E.T @ h", 1, "cannot transpose; another matrix, such as R @ h"),
    ("W^T @ h", 1, "cannot transpose"),
    ("W^{T} @ h", None, "cannot transpose"),
    ("W**T @ h", 1, "cannot transpose"),
    ("W⊤ @ h", 2, "cannot transpose"),
    ("transpose(W) @ h", 1, "cannot transpose"),
    ("h**2", 1, "write a product such as h * h"),
    ("h ** 3", 1, "write a product such as h * h * h"),
    ("h^2", 1, "write a product such as h * h"),
    ("h²", 2, "such as h * h"),
    ("h ** 0.5", 1, "no powers but products"),
    ("h(t-1)", 1, "an earlier step is written in square brackets: h[t-1]"),
    ("W @ h(t - 2)", 5, "in square brackets: h[t-2]"),
    ("h(t)", 1, "the value of this step is written h"),
    ("x(t)", 1, "the value of this step is written x"),
    ("h_{t-1}", 1, "an earlier step is written h[t-1]"),
    ("W @ h_{t - 2}", 5, "an earlier step is written h[t-2]"),
    ("h_{t−1}", 1, "an earlier step is written h[t-1]"),
    ("h^{(t-1)}", 1, "an earlier step is written h[t-1]"),
    ("h^(t-1)", 1, "an earlier step is written h[t-1]"),
    ("h_t₋₁", 1, "an earlier step is written h[t-1]"),
    ("x_{t}", 1, "the value of this step is written x"),
    ("x^{(t)}", 1, "the value of this step is written x"),
    ("W_{hh} @ h", 1, "without braces: W_hh"),
    ("h[t]", 1, "h[t] is written h"),
    ("x[t]", 1, "x[t] is written x"),
    ("h[t-1.0]", 1, "as in h[t-1]"),
    ("h[:, t-1]", 1, "as in h[t-1]; it is the whole vector"),
    ("h[i-1]", 1, "the step is called t, not i"),
    ("h[0]", 1, "an entry of a vector cannot be read"),
    ("h[t+1]", 1, "backwards through the sequence cannot be written"),
    ("y[t-1]", 1, "only if it is among the inputs x"),
    ("h / 2", 1, ": 0.5 * h"),
    ("h / 0", 1, "nothing can be divided by 0"),
    ("(h + b) / 4", None, ": 0.25 * h"),
    ("h / k", 1, "nothing divides by a computed value"),
    ("1 / (1 + exp(-h))", 1, "is sigmoid(a)"),
    ("h ÷ 2", 3, "cannot divide"),
    ("np.tanh(h)", 1, "by its name; write tanh(…)"),
    ("torch.nn.functional.relu(h)", 1, "write relu(…)"),
    ("W.dot(h)", 1, "a matrix times a vector is written W @ h"),
    ("np.matmul(W, h)", 1, "a matrix times a vector is written W @ h"),
    ("dot(W, h)", 1, "a matrix times a vector is written W @ h"),
    ("σ(h)", 1, "write sigmoid(a)"),
    ("sigma(h)", 1, "write sigmoid(a)"),
    ("ReLU(h)", 1, "functions are written small: relu(…)"),
    ("Tanh(h)", 1, "functions are written small: tanh(…)"),
    ("LeakyReLU(h)", 1, "write leaky_relu(a)"),
    ("max(0, h)", 1, "write relu(a) for max(0, a)"),
    ("exp(h)", 1, "for 1 / (1 + exp(-a)) write sigmoid(a)"),
    ("log(h)", 1, "nll and bce take the logarithm themselves"),
    ("abs(h)", 1, "relu(a) + relu(-a)"),
    ("mean(h)", 1, "no sum over the units"),
    ("sum(h)", 1, "no sum over the units"),
    ("sqrt(h)", 1, "does not have it"),
    ("W @ concat(h, x)", 5, "write W @ u + R @ v, with a matrix for each"),
    ("stop(h)", 1, "cannot stop a gradient"),
    ("h.detach()", 1, "cannot stop a gradient"),
    ("silu(h)", 1, "write a * sigmoid(a)"),
    ("W(h)", 1, "a product is written W @ h or W * h"),
    ("2(h + b)", 1, "a product is written with its sign"),
    ("2 h", 1, "2 * h"),
    ("2h", 1, "2 * h"),
    ("W h", 1, "W @ h of a matrix and a vector, else W * h"),
    ("f · h", 3, "write * (elementwise)"),
    ("f·h", 1, "the elementwise product is written *"),
    ("f ⊙ h", 3, "write * (elementwise)"),
    ("f ∘ h", 3, "write * (elementwise)"),
    ("f × h", 3, "write * (elementwise)"),
    ("f − h", 3, "write the minus sign of the keyboard, -"),
    ("f – h", 3, "write the minus sign of the keyboard, -"),
    ("h'", 2, "a name has letters, digits and _"),
    ("tanh（h）", 5, "write ( for it"),
    (r"\tanh(h)", 1, "write tanh without the backslash"),
    (r"f \odot h", 3, "write * for it"),
    (r"\sigma(h)", 1, "write sigmoid(a)"),
    ("lambda * h", 1, "is a word that no name can be; write lambda_"),
    ("h[t-1] @ W", 1, "the matrix stands on the left: W @ h[t-1]"),
    ("x @ U", 1, "the matrix stands on the left: U @ x"),
    ("W @ h + W * h", 1, "W @ h, and what is multiplied elementwise or added is a vector with a name of its own"),
    ("(h > 0) * h", 2, "relu(a) is a where a > 0"),
    ("h % 2", 1, "there are +, -, *"),
    ("cross_entropy(h, y)", 1, "write nll(softmax(o), y)"),
]


@pytest.mark.parametrize(("written", "column", "remedy"), ELSEWHERE, ids=[written for written, *_ in ELSEWHERE])
@pytest.mark.parametrize("within", ["{}", "tanh(b + {})"])
def test_what_is_written_otherwise_elsewhere_is_told_with_the_remedy(written, column, remedy, within) -> None:
    head = f"z = {within}".partition("{")[0]
    with pytest.raises(EquationError) as caught:
        parse(f"k = x\nh = tanh(R @ k)\n{within.join(['z = ', '']).format(written)}\nL = mse(z, y)")
    assert caught.value.line == 3
    assert remedy in caught.value.message, caught.value.message
    if column is not None and "be a vector as well" not in caught.value.message:
        assert caught.value.column == len(head) + column
    assert "BitXor" not in caught.value.message


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("h(t) = tanh(x)", "the left of = is a name alone, without its step: h = …"),
        ("h_{t} = tanh(x)", "the value of this step is written h"),
        ("h[t] = tanh(x)", "write the name alone on the left"),
        ("L += mse(x, y)", "to carry L on from the step before write L = L[t-1] + …"),
        ("tanh(x)", "give it a name, such as h = …"),
        ("h == tanh(x)", "write = once"),
        ("h ← tanh(x)", "write = for it"),
        ("for t in range(3):", "each line is computed at every step, without loops"),
        ("h =", "the expression right of = is missing"),
        ("lambda = 0.5", "write lambda_"),
    ],
)
def test_a_line_that_is_no_equation_is_told_with_the_remedy(line, remedy) -> None:
    with pytest.raises(EquationError) as caught:
        parse(f"{line}\nL = mse(x, y)")
    assert caught.value.line == 1
    assert remedy in caught.value.message


@pytest.mark.parametrize("length", [1, 59, 60, 61, 1000])
def test_a_line_is_quoted_whole_or_by_its_beginning(length) -> None:
    line = "a" * length
    assert spelling.quoted(line) == (f"'{line}'" if length <= 60 else f"'{line[:60]}…'")


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("h(t-1)", "h[t-1]"), ("h_{t-1}", "h[t-1]"), ("h**2", "h * h"), ("h^2", "h * h"), ("h / 2", "0.5 * h"),
        ("h / 3", "0.333333333333333 * h"), ("W.dot(h)", "W @ h"), ("2 h", "2 * h"), ("h[t-1] @ W", "W @ h[t-1]"),
    ],
)  # fmt: skip
def test_the_remedy_is_in_the_language(wrong, right) -> None:
    with pytest.raises(EquationError) as caught:
        parse(f"h = x\nz = {wrong}\nL = mse(z, y)")
    assert right in caught.value.message
    parse(f"h = x\nz = {right}\nL = mse(z, y)")


@pytest.mark.parametrize(("text", "line", "column", "message"), ERRORS, ids=[text[:24] for text, *_ in ERRORS])
def test_errors_point_at_what_is_wrong(text, line, column, message) -> None:
    with pytest.raises(EquationError, match=message) as caught:
        parse(text)
    error = caught.value
    assert isinstance(error, ValueError)
    assert error.line == line
    assert column is None or error.column == column
    assert str(error) == f"line {error.line}, column {error.column}: {error.message}"
    assert len(str(error)) < 2_000


def test_a_text_is_a_str() -> None:
    for text in (None, b"h = x", 3):
        with pytest.raises(TypeError, match="the text of a cell is a str, not"):
            equations(text)  # type: ignore[arg-type]


def test_nothing_of_a_text_is_ever_evaluated() -> None:
    for expression in (
        "__import__('os').abort()",
        "exit()",
        "(lambda: exit())()",
        "[exit() for i in x]",
        "f'{exit()}'",
        "x[exit()]",
    ):
        with pytest.raises(EquationError):
            parse(f"h = {expression}\n{HEAD}")


# --- any text -------------------------------------------------------------------------------------------------------

PIECES = [
    *(
        "h",
        "x",
        "y",
        "W",
        "L",
        "b",
        "t",
        " = ",
        "\n",
        " + ",
        " - ",
        " * ",
        " @ ",
        "(",
        ")",
        "[t-1]",
        "[t-2]",
        "[",
        "]",
        ", ",
    ),
    *(
        "tanh(",
        "softmax(",
        "nll(",
        "mse(",
        ", y)",
        "1",
        "0.5",
        "1e9",
        "#",
        "'",
        '"',
        "\\",
        ";",
        ":",
        ".",
        "lambda ",
        "if ",
        "**",
        "/",
    ),
    *(
        "\t",
        "\0",
        "é",
        "\u2028",
        "\ufeff",
        "==",
        "{",
        "}",
        "f'",
        "in ",
        "not ",
        "yield ",
        "await ",
        "_",
        "\r\n",
        "%",
        "<",
        "$",
    ),
]
messes = st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from(PIECES), max_size=30).map("".join),
    st.tuples(
        st.sampled_from([*FEATURES.values()]),
        st.integers(0, 200),
        st.integers(0, 5),
        st.lists(st.sampled_from(PIECES), max_size=3),
    ).map(lambda d: d[0][: d[1]] + "".join(d[3]) + d[0][d[1] + d[2] :]),
)


def reads_as_cell_or_error(text: str) -> None:
    error = None
    try:
        cell = parse(text)
    except EquationError as caught:
        error = caught
    if error is not None:
        lines = text.splitlines() or [""]
        assert 1 <= error.line <= len(lines)
        assert 1 <= error.column <= len(lines[error.line - 1]) + 1
        assert error.message
        return
    assert cell.losses
    assert set(cell.nodes) >= set(cell.states)
    cell.latex()
    for name in (*cell.nodes, *cell.parameters):
        assert cell.role(name)
    assert cell.dimensions


@settings(max_examples=400)
@given(messes)
def test_any_text_is_a_cell_or_an_error(text) -> None:
    reads_as_cell_or_error(text)


@settings(max_examples=50)
@given(texts())
def test_any_text_of_the_grammar_is_a_cell(text) -> None:
    cell = parse(text)
    assert len([node for node in cell.nodes if cell.equations[node].within is None]) == len(text.splitlines())
    reads_as_cell_or_error(text)


@pytest.mark.parametrize("cell", CATALOGUE.values(), ids=CATALOGUE)
def test_a_cell_cut_short_is_a_cell_or_an_error(cell) -> None:
    for end in range(0, len(cell.text), 3):
        reads_as_cell_or_error(cell.text[:end])
