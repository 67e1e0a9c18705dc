"""The peers in PyTorch. Each function returns None if PyTorch is not installed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

try:
    import torch
except ImportError:
    torch = None

Maker = Callable[[], Mapping[str, Any]] | None


def version() -> str:
    """The version of PyTorch, for the heading of the table."""
    return f"torch {torch.__version__}" if torch else "no torch"


def _tensors(params: Any, x: Any, y: Any, weights: Any) -> tuple[Any, Any, Any, Any]:
    torch.set_num_threads(1)
    leaves = {name: torch.from_numpy(array.copy()).requires_grad_() for name, array in params.items()}
    return leaves, torch.from_numpy(x.copy()), torch.from_numpy(y), torch.from_numpy(weights)


def unrolled(cell: str, params: Any, x: Any, y: Any, weights: Any) -> Maker:
    """The network as a loop over the steps, with retain_grad() on every node."""
    if torch is None:
        return None
    P, X, Y, w = _tensors(params, x, y, weights)
    T, B, _ = x.shape
    n = len(params["b"])
    candidate = torch.tanh if cell == "lstm_tanh" else torch.sigmoid

    def run() -> Mapping[str, Any]:
        for leaf in P.values():
            leaf.grad = None
        nodes: dict[str, list[Any]] = {}

        def keep(name: str, value: Any) -> Any:
            value.retain_grad()
            nodes.setdefault(name, []).append(value)
            return value

        h, s, total = X.new_zeros(B, n), X.new_zeros(B, n), 0.0
        for t in range(T):
            x_t = X[t].detach().requires_grad_()
            nodes.setdefault("x", []).append(x_t)
            if cell == "rnn":
                a = keep("a", P["b"] + h @ P["W"].T + x_t @ P["U"].T)
                h = keep("h", torch.tanh(a))
            else:
                f, g, q = (keep(k, torch.sigmoid(P[f"b_{k}"] + x_t @ P[f"U_{k}"].T + h @ P[f"W_{k}"].T)) for k in "fgq")
                new = candidate(P["b"] + x_t @ P["U"].T + h @ P["W"].T)
                s = keep("s", f * s + g * keep("s_tanh" if cell == "lstm_tanh" else "s_sigmoid", new))
                h = keep("h", keep("h_tanh", torch.tanh(s)) * q)
            o = keep("o", P["c"] + h @ P["V"].T)
            y_hat = keep("y_hat", torch.softmax(o, 1))
            loss = keep("L", -torch.log(y_hat.gather(1, Y[t][:, None])))
            total = total + w[t] * loss.sum()
        total.backward()
        grads = {name: np.stack([value.grad.numpy() for value in values]) for name, values in nodes.items()}
        return grads | {name: leaf.grad.numpy() for name, leaf in P.items()}

    return run


def fused(cell: str, params: Any, x: Any, y: Any, weights: Any) -> Maker:
    """nn.RNN or nn.LSTM with nn.Linear and log_softmax, for the gradients of the parameters and of x only."""
    if torch is None:
        return None
    P, X, Y, w = _tensors(params, x, y, weights)
    X.requires_grad_()
    n, n_x = params["U"].shape
    order = ("",) if cell == "rnn" else ("_g", "_f", "", "_q")  # torch's i, f, g, o
    net = (torch.nn.RNN if cell == "rnn" else torch.nn.LSTM)(n_x, n, dtype=torch.float64)
    linear = torch.nn.Linear(n, len(params["c"]), dtype=torch.float64)
    with torch.no_grad():
        for letter, target in (("U", net.weight_ih_l0), ("W", net.weight_hh_l0), ("b", net.bias_ih_l0)):
            target.copy_(torch.cat([P[letter + k] for k in order]))
        net.bias_hh_l0.zero_()
        linear.weight.copy_(P["V"])
        linear.bias.copy_(P["c"])
    leaves = [*net.parameters(), *linear.parameters(), X]

    def run() -> Mapping[str, Any]:
        for leaf in leaves:
            leaf.grad = None
        log_y_hat = torch.log_softmax(linear(net(X)[0]), 2)
        (-(w[:, None] * log_y_hat.gather(2, Y[:, :, None])[:, :, 0]).sum()).backward()
        grads = {"x": X.grad.numpy(), "V": linear.weight.grad.numpy(), "c": linear.bias.grad.numpy()}
        for letter, leaf in (("U", net.weight_ih_l0), ("W", net.weight_hh_l0), ("b", net.bias_ih_l0)):
            for i, k in enumerate(order):
                grads[letter + k] = leaf.grad.numpy()[i * n : (i + 1) * n]
        return grads

    return run


def _unrolled_states(params: Any, x: Any, y: Any) -> tuple[list[Any], list[Any]]:
    """h(t) and L(t) of an Elman network, each L(t) with a graph of its own step and those before."""
    P, X, Y, _ = _tensors(params, x, y, np.ones(len(x)))
    h, states, losses = X.new_zeros(1, len(params["b"])), [], []
    inputs = (X @ P["U"].T + P["b"]).detach()
    V, c, W = P["V"].detach(), P["c"].detach(), P["W"].detach()
    for t in range(len(x)):
        h = torch.tanh(inputs[t] + h @ W.T)
        if not h.requires_grad:
            h.requires_grad_()
        states.append(h)
        losses.append(torch.nn.functional.cross_entropy(h @ V.T + c, Y[t], reduction="sum"))
    return states, losses


def by_loss_norms(params: Any, x: Any, y: Any) -> Callable[[], Any] | None:
    """‖∂L(s)/∂h(t)‖ for all s and t, (T, T): a loop of autograd.grad over the losses. The forward pass is not part of it."""
    if torch is None:
        return None
    states, losses = _unrolled_states(params, x, y)
    T = len(states)

    def run() -> Any:
        found = np.zeros((T, T))
        for s in range(T):
            grads = torch.autograd.grad(losses[s], states[: s + 1], retain_graph=True)
            found[s, : s + 1] = torch.linalg.vector_norm(torch.cat(grads), dim=1).numpy()
        return found

    return run


def jacobian_norms(params: Any, x: Any, y: Any, unbind: bool = False) -> Callable[[], Any] | None:
    """‖∂h(t)/∂h(s)‖ (Frobenius) for all t and s, (T, T), by torch.func.jacrev with respect to a disturbance of each h(s).

    With `unbind` the disturbance is taken apart once and not by an index at each step, whose way back is an array of all
    steps: less natural to write, and several times quicker.
    """
    if torch is None:
        return None
    P, X, _, _ = _tensors(params, x, y, np.ones(len(x)))
    inputs, W = (X[:, 0] @ P["U"].T + P["b"]).detach(), P["W"].detach()
    T, n = inputs.shape

    def states(disturbance: Any) -> Any:
        h, found = inputs.new_zeros(n), []
        moved = disturbance.unbind() if unbind else disturbance
        for t in range(T):
            h = torch.tanh(inputs[t] + W @ h) + moved[t]
            found.append(h)
        return torch.stack(found)

    jacobian = torch.func.jacrev(states)

    def run() -> Any:
        with torch.no_grad():
            J = jacobian(torch.zeros(T, n, dtype=inputs.dtype))
            return torch.linalg.vector_norm(J, dim=(1, 3)).numpy()

    return run
