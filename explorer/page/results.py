"""Results for a model that several pages share: its run, the laws measured on it, and the sentences about its gradient."""

from __future__ import annotations

from functools import partial

import streamlit as st

from engine import Run
from engine.verify import Check, check
from explorer import facts
from explorer import model as models
from explorer.cache import RESULTS
from explorer.facts import Course, course
from explorer.model import Model
from explorer.words import sentences as in_words


@RESULTS.keeps()
def computed(model: Model) -> Run:
    """The run of a model; nothing but the model decides on it."""
    return models.run(model)


@RESULTS.keeps()
def one_sample(model: Model, sample: int) -> Run:
    """The run of one sample alone, counted from 1 (0 is the first), with the gradients that it has among all samples."""
    return facts.alone(computed(model), sample)


@RESULTS.keeps(partial(st.spinner, "Measuring …"))
def checked(model: Model) -> tuple[Check, ...]:
    """The laws, measured on the run of a model."""
    return check(computed(model))


@RESULTS.keeps()
def sentences(model: Model, sample: int = 0, name: str = "", cut: int = 0) -> tuple[str, ...]:
    """The sentences about the gradient of a model's run; `name` is the state that they are about, or the first."""
    return in_words.sentences(computed(model), sample, name or None, cut)


@RESULTS.keeps()
def followed(model: Model, sample: int, name: str) -> Course | None:
    """The gradient of the last loss that counts, alone, on its way back through a state."""
    return course(computed(model), name, sample)
