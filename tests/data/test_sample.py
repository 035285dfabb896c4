"""A Sample keeps its parts consistent; repetitions are counted like a dumb twin counts them."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simplebias.core.errors import InputError
from simplebias.data import Sample, read

NAMES = {"input_names": ("x",), "input_units": ("",), "output_names": ("y",), "output_units": ("",)}


def test_parts_must_fit():
    points = np.zeros((3, 1))
    with pytest.raises(InputError, match="neither"):
        Sample("s", points, **NAMES)
    with pytest.raises(InputError, match="both"):
        Sample("s", points, values=np.zeros((3, 1)), labels=np.zeros(3, int), **NAMES)
    with pytest.raises(InputError, match="3 inputs"):
        Sample("s", np.zeros((3, 3)), values=np.zeros((3, 1)), **NAMES)
    with pytest.raises(InputError, match="2 outputs"):
        Sample("s", points, values=np.zeros((3, 2)), **NAMES)


def test_a_sample_cannot_be_changed():
    sample = read("co2")
    with pytest.raises(AttributeError):
        sample.name = "other"


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2), st.integers(0, 2)), min_size=3, max_size=25))
def test_repetitions_are_counted(tmp_path_factory, rows):
    rows = [(9, 8, 7), (8, 9, 6), *rows]
    path = tmp_path_factory.mktemp("samples") / "r.csv"
    path.write_text("a,b,y\n" + "".join(f"{a},{b},{y}\n" for a, b, y in rows))
    targets = defaultdict(list)
    for a, b, y in rows:
        targets[a, b].append(y)
    conflicts = sum(len(set(values)) > 1 for values in targets.values())
    same = sum(len(values) > 1 and len(set(values)) == 1 for values in targets.values())
    notes = " | ".join(read(path).notes)
    assert (f"{conflicts} point{'s' * (conflicts > 1)} given more than once with different" in notes) == (conflicts > 0)
    assert (f"{same} point{'s' * (same > 1)} given more than once with the same" in notes) == (same > 0)
