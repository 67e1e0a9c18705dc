"""What does not fit is refused with the largest number of steps that would."""

import re

import pytest

from engine.support import budget


@pytest.mark.parametrize("most", [1, 7, 99, 1_000, 10**6])
@pytest.mark.parametrize("needed", [lambda T: T, lambda T: 3 * T + 2, lambda T: T * T, lambda T: 10 + T // 3])
def test_the_message_names_the_largest_number_of_steps_that_fits(needed, most):
    largest = max((T for T in range(1, 3 * most + 10) if needed(T) <= most), default=0) if most < 10**6 else None
    T = 4 * most + 50
    if needed(T) <= most:
        assert budget.fits("it", needed, T, most=most) is None
        return
    with pytest.raises(
        ValueError, match=rf"^it needs about {needed(T):,} bytes for T = {T}, B = 2; at most {most:,} are"
    ) as caught:
        budget.fits("it", needed, T, 2, "do less", most)
    assert str(caught.value).endswith("with these sizes; do less")
    found = re.search(r"T up to ([\d,]+) would fit", str(caught.value))
    fit = int(found[1].replace(",", "")) if found else 0
    assert needed(fit + 1) > most
    assert fit == 0 or needed(fit) <= most
    assert largest is None or fit == largest
