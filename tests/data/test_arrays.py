"""NumPy files: round trips, and refusals that never unpickle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from simplebias.core.errors import InputError
from simplebias.data import read

RANDOM = np.random.default_rng(5)


def refusal(path, **options):
    with pytest.raises(InputError) as caught:
        read(path, **options)
    assert path.name in str(caught.value)
    return str(caught.value)


@settings(deadline=None, max_examples=30)
@given(
    points=arrays(
        st.sampled_from([np.float64, np.float32, np.int16, np.uint8]),
        st.tuples(st.integers(3, 9), st.integers(1, 3)),
        elements=st.integers(0, 200),
    ),
    names=st.sampled_from([("points", "values"), ("x", "y"), ("X", "Y"), ("X", "y")]),
    packed=st.booleans(),
)
def test_archive_round_trip(tmp_path_factory, points, names, packed):
    points[:, 0] = np.arange(len(points))
    values = np.arange(len(points)) ** 2
    path = tmp_path_factory.mktemp("arrays") / "a.npz"
    (np.savez_compressed if packed else np.savez)(path, **{names[0]: points, names[1]: values})
    sample = read(path)
    varies = (points != points[0]).any(axis=0)
    np.testing.assert_array_equal(sample.points, points[:, varies])
    np.testing.assert_array_equal(sample.values[:, 0], values)
    assert sample.output_names == (names[1],)


def test_table_round_trip_and_columns(tmp_path):
    table = RANDOM.normal(size=(20, 4))
    path = tmp_path / "t.npy"
    np.save(path, table)
    sample = read(path)
    np.testing.assert_array_equal(np.hstack([sample.points, sample.values]), table)
    sample = read(path, inputs=[4, 1], target=2)
    np.testing.assert_array_equal(sample.points, table[:, [3, 0]])
    np.testing.assert_array_equal(sample.values, table[:, 1:2])
    assert "1 to 4" in refusal(path, target=5)


def test_series(tmp_path):
    series = RANDOM.normal(size=30).astype(np.float32)
    np.save(tmp_path / "s.npy", series)
    sample = read(tmp_path / "s.npy", limit=10)
    np.testing.assert_array_equal(sample.points[:, 0], np.arange(10))
    np.testing.assert_array_equal(sample.values[:, 0], series[:10])
    assert sample.input_names == ("index",)


def test_classes_and_pictures(tmp_path):
    pictures = RANDOM.integers(0, 256, (12, 4, 5), dtype=np.uint8)
    labels = np.arange(12) % 3 + 1
    np.savez(tmp_path / "p.npz", points=pictures, labels=labels)
    sample = read(tmp_path / "p.npz")
    assert sample.image_shape == (4, 5)
    np.testing.assert_array_equal(sample.points, pictures.reshape(12, 20) / 255)
    np.testing.assert_array_equal(sample.labels, labels - 1)
    assert sample.class_names == ("1", "2", "3")
    np.savez(tmp_path / "k.npz", x_train=np.arange(9.0), y_train=np.array(list("abcabcabc")))
    sample = read(tmp_path / "k.npz", inputs="x_train", target="y_train")
    assert sample.class_names == ("a", "b", "c")
    np.savez(tmp_path / "r.npz", x=np.arange(9.0), y=np.arange(9) % 2)
    assert read(tmp_path / "r.npz").kind == "regression"
    assert read(tmp_path / "r.npz", classification=True).kind == "classification"


def test_nan_rows_are_left_out(tmp_path):
    table = np.array([[0, 1.0], [1, np.nan], [2, 3], [np.nan, 4], [4, 5]])
    np.save(tmp_path / "n.npy", table)
    sample = read(tmp_path / "n.npy")
    np.testing.assert_array_equal(sample.points[:, 0], [0, 2, 4])
    assert "2 rows with NaN" in sample.notes[0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"a": np.zeros(3), "b": np.ones(3)}, ("points and values", "a (3,), b (3,)", "--inputs")),
        ({"points": np.zeros(3)}, ("points (3,)",)),
        ({"x": np.arange(3.0), "y": np.arange(4.0)}, ("same n", "(3,)", "(4,)")),
        ({"x": np.arange(3.0), "y": np.array(2.0)}, ("same n",)),
        ({"x": np.arange(3.0) * 1j, "y": np.arange(3.0)}, ("complex", "real and imaginary")),
        ({"x": np.array(["u", "v", "w"]), "y": np.arange(3.0)}, ("real numbers", "'x'")),
        ({"x": np.array([0, np.inf, 1]), "y": np.arange(3.0)}, ("infinity in row 1",)),
        ({"x": np.arange(3.0), "y": np.ones(3)}, ("varies", "y equal to 1")),
        ({"x": np.arange(1.0), "y": np.ones(1)}, ("at least two rows",)),
        ({"x": np.full(3, np.nan), "y": np.arange(3.0)}, ("rows without NaN",)),
    ],
)
def test_archives_that_are_refused(tmp_path, content, words):
    path = tmp_path / "bad.npz"
    np.savez(path, **content)
    message = refusal(path)
    assert all(word in message for word in words), message


def test_unknown_names(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, x=np.arange(3.0), y=np.arange(3.0))
    assert "an array 'u'" in refusal(path, inputs="u")
    assert "--target" in refusal(path, target="v")
    assert "as both" in refusal(path, inputs="y", target="y")


def test_pickles_and_wrong_shapes(tmp_path):
    path = tmp_path / "o.npy"
    np.save(path, np.array([1, "a", None], dtype=object))
    assert "pickled" in refusal(path)
    np.savez(tmp_path / "o.npz", x=np.array([1, None], dtype=object), y=np.arange(2.0))
    assert "pickled" in refusal(tmp_path / "o.npz")
    for array in (np.zeros((2, 3, 4)), np.array(3.0), np.zeros(3, dtype=[("a", float), ("b", float)])):
        np.save(path, array)
        assert ".npz" in refusal(path)
    np.save(path, np.zeros((0, 2)))
    assert "empty arrays" in refusal(path)
    np.save(path, np.arange(5.0))
    assert "series" in refusal(path, target=1)


def test_damaged_files(tmp_path):
    path = tmp_path / "d.npy"
    np.save(path, np.arange(50.0))
    whole = path.read_bytes()
    for cut in (8, 20, 130, 200):
        path.write_bytes(whole[:cut])
        assert "damaged" in refusal(path)
    path.write_bytes(b"\x80\x04pickle\x00")
    assert "binary data" in refusal(path)
    archive = tmp_path / "d.npz"
    np.savez(archive, x=np.arange(50.0), y=np.arange(50.0))
    whole = archive.read_bytes()
    for cut in (8, 200, len(whole) - 30):
        archive.write_bytes(whole[:cut])
        assert "damaged" in refusal(archive)
    spoiled = bytearray(whole)
    spoiled[300] ^= 255
    archive.write_bytes(spoiled)
    assert "damaged" in refusal(archive)
    path.write_bytes(whole)
    assert "rename it to end in .npz" in refusal(path)
