"""Tables: what is written is read back, and every fault is named with its file, place and remedy."""

import datetime
import gzip
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simplebias.core.errors import InputError, StorageError
from simplebias.data import read


@pytest.fixture
def table(tmp_path):
    """Write a table and return its path."""

    def write(content, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def refusal(path, **options):
    """The message with which a file is refused; it must name the file."""
    with pytest.raises((InputError, StorageError)) as caught:
        read(path, **options)
    message = str(caught.value)
    assert path.name in message
    assert "polars" not in message.lower()
    assert "Traceback" not in message
    return message


finite = st.floats(allow_nan=False, allow_infinity=False)


@settings(deadline=None, max_examples=40)
@given(
    data=st.integers(2, 4).flatmap(
        lambda width: st.lists(st.lists(finite, min_size=width, max_size=width), min_size=3, max_size=12)
    ),
    delimiter=st.sampled_from([",", ";", "\t"]),
    header=st.booleans(),
    packed=st.booleans(),
    ending=st.sampled_from(["\n", "\r\n"]),
    last=st.booleans(),
)
def test_round_trip(tmp_path_factory, data, delimiter, header, packed, ending, last):
    data = [[*row[:-2], float(k), row[-1] * 0 + k % 5] for k, row in enumerate(data)]
    array = np.array(data)
    lines = [delimiter.join(repr(cell) for cell in row) for row in data]
    if header:
        lines.insert(0, delimiter.join(f"c{k}" for k in range(array.shape[1])))
    text = (ending.join(lines) + (ending if last else "")).encode()
    path = tmp_path_factory.mktemp("tables") / ("t.csv.gz" if packed else "t.csv")
    path.write_bytes(gzip.compress(text) if packed else text)
    sample = read(path)
    varies = [k for k in range(array.shape[1] - 1) if (array[:, k] != array[0, k]).any()]
    np.testing.assert_array_equal(sample.points, array[:, varies])
    np.testing.assert_array_equal(sample.values, array[:, -1:])
    start = "c" if header else "column "
    assert sample.input_names == tuple(f"{start}{k if header else k + 1}" for k in varies)
    assert sample.name == "t"
    assert sample.kind == "regression"


@settings(deadline=None, max_examples=30)
@given(st.lists(st.one_of(st.none(), st.floats(-1e9, 1e9)), min_size=6, max_size=30), st.integers(0, 6))
def test_missing_values_leave_exactly_their_rows_out(tmp_path_factory, cells, which):
    cells = [1.0, 2.0, 3.0, *cells]
    token = ["", "NA", "NaN", "null", "?", "-", " n/a "][which]
    path = tmp_path_factory.mktemp("tables") / "gaps.csv"
    path.write_text("x,y\n" + "".join(f"{k},{token if y is None else repr(y)}\n" for k, y in enumerate(cells)))
    sample = read(path)
    expected = [(float(k), y) for k, y in enumerate(cells) if y is not None]
    np.testing.assert_array_equal(np.hstack([sample.points, sample.values]), np.array(expected))
    gaps = [k + 2 for k, y in enumerate(cells) if y is None]
    if gaps:
        assert f"{len(gaps)} row" in sample.notes[0]
        assert f"{gaps[0]}" in sample.notes[0]
    else:
        assert sample.notes == ()


def test_missing_values_in_columns_that_are_not_used_do_not_matter(table):
    sample = read(table("x,junk,y\n1,,2\n2,,3\n3,7,5\n"), inputs="x")
    assert sample.size == 3
    assert sample.notes == ()


@pytest.mark.parametrize("inputs", ["a,c", ["a", "c"], "1,3", [1, 3], ["a", 3]])
@pytest.mark.parametrize("target", ["b", 2, ["b"], "2"])
def test_columns_by_name_and_number(table, inputs, target):
    sample = read(table("a,b,c,d\n1,2,3,4\n5,6,7,x\n"), inputs=inputs, target=target)
    assert sample.input_names == ("a", "c")
    assert sample.output_names == ("b",)
    np.testing.assert_array_equal(sample.points, [[1, 3], [5, 7]])


def test_several_targets_and_a_name_with_a_comma(table):
    sample = read(table('"x, in m",u,v\n1,2,3\n5,6,7\n'), inputs="x, in m")
    assert sample.output_names == ("v",)
    sample = read(table('"x, in m",u,v\n1,2,3\n5,6,7\n'), target="u,v")
    assert sample.input_names == ("x, in m",)
    np.testing.assert_array_equal(sample.values, [[2, 3], [6, 7]])


def test_order_of_columns_is_as_asked(table):
    sample = read(table("a,b,c\n1,2,3\n5,6,8\n"), inputs="c,a", target="b")
    assert sample.input_names == ("c", "a")
    np.testing.assert_array_equal(sample.points, [[3, 1], [8, 5]])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"target": "temprature"}, ("temperature", "Did you mean", "--target")),
        ({"inputs": "9"}, ("'9'", "1 to 3", "--inputs")),
        ({"inputs": "0"}, ("'0'", "1 to 3")),
        ({"inputs": "time,time"}, ("more than once",)),
        ({"inputs": "time", "target": "time"}, ("as both",)),
        ({"inputs": "time,temperature,class"}, ("--inputs",)),
        ({"target": "time,temperature,class"}, ("--target",)),
        ({"inputs": ""}, ("--inputs",)),
        ({"target": "time,temperature", "classification": True}, ("one target column",)),
    ],
)
def test_columns_that_cannot_be(table, options, words):
    message = refusal(table("time,temperature,class\n1,2,3\n2,3,4\n"), **options)
    assert all(word in message for word in words), message


def test_ambiguous_name(table):
    path = table("x,x,y\n1,2,3\n2,4,4\n")
    assert "its number" in refusal(path, inputs="x")
    np.testing.assert_array_equal(read(path, inputs=2).points, [[2], [4]])


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("x,y\n1,2\n2,3\n", ("x", "y")),
        ("1,2\n2,3\n3,5\n", ("column 1", "column 2")),
        (",y\n1,2\n2,3\n", ("column 1", "y")),
        ("?,2\n1,2\n2,3\n", ("column 1", "column 2")),
        ("date,y\n2020-01-01,2\n2020-01-02,3\n", ("date", "y")),
        ("2020-01-01,2\n2020-01-02,3\n", ("column 1", "column 2")),
        ("x,kind\n1,a\n2,b\n3,a\n4,b\n5,b\n", ("x", "kind")),
        ("\ufeffx,y\n1,2\n2,3\n", ("x", "y")),
        ("\n\nx,y\n1,2\n2,3\n\n\n", ("x", "y")),
        ("x,y\r1,2\r2,3", ("x", "y")),
        ('"x","y"\n"1","2"\n"2","3"\n', ("x", "y")),
    ],
)
def test_header_is_found_out(table, text, names):
    sample = read(table(text))
    assert sample.input_names + sample.output_names == names


def test_header_is_as_said(table):
    path = table("1,2\n2,3\n3,5\n")
    assert read(path, header=True).input_names == ("1",)
    assert read(path, header=True).size == 2
    assert read(path, header=False).size == 3
    message = refusal(table("x,y\n1,2\n2,3\n"), header=False)
    assert "'x' in row 1" in message
    assert "--header" in message


@pytest.mark.parametrize("text", ["1;2\n3;5\n", "1,5;2,5\n3,5;4,0\n"])
def test_semicolons_win_over_decimal_commas(table, text):
    if "," in text:
        message = refusal(table(text))
        assert "'1,5' in row 1" in message
        assert "decimal commas" in message
    else:
        np.testing.assert_array_equal(read(table(text)).points, [[1], [3]])


def test_decimal_commas_are_refused_with_row(table):
    message = refusal(table("x;y\n1;2\n2;3,25\n"))
    assert "'3,25' in row 3" in message
    assert "'y'" in message
    assert "points" in message


def test_text_input_is_refused_with_remedy(table):
    message = refusal(table("x,city,y\n1,Rome,2\n2,Oslo,3\n3,Rome,5\n"))
    assert all(word in message for word in ("'city'", "'Rome'", "row 2", "--inputs"))


def test_stray_cells_in_a_column_of_numbers(table):
    rows = "".join(f"{k},{k * k}\n" for k in range(10))
    message = refusal(table(f"x,y\n{rows}10,about 90\n11,12a\n"))
    assert all(word in message for word in ("'y'", "'about 90'", "row 12", "1 more cell", "Correct these cells"))


def test_infinity_is_refused_with_row_and_column(table):
    for token in ("inf", "-Infinity", "1e999"):
        message = refusal(table(f"x,y\n1,2\n{token},3\n3,4\n"))
        assert all(word in message for word in ("'x'", "row 3", "finite", "empty them"))


def test_classes_from_text(table):
    lines = [f"{k},{'bca'[k % 3]}" for k in range(9)]
    sample = read(table("x,kind\n" + "\n".join(lines)))
    assert sample.kind == "classification"
    assert sample.class_names == ("a", "b", "c")
    assert [sample.class_names[label] for label in sample.labels] == ["bca"[k % 3] for k in range(9)]
    assert sample.values is None
    assert sample.output_names == ("kind",)
    assert any("3 classes" in note for note in sample.notes)


def test_missing_classes_leave_their_rows_out(table):
    sample = read(table("x,kind\n1,a\n2,b\n3,?\n4,a\n5,b\n6,a\n"))
    np.testing.assert_array_equal(sample.points[:, 0], [1, 2, 4, 5, 6])
    np.testing.assert_array_equal(sample.labels, [0, 1, 0, 1, 0])


def test_text_target_that_names_no_classes(table):
    path = table("x,who\n" + "".join(f"{k},person {k // 2}\n" for k in range(20)))
    message = refusal(path)
    assert all(word in message for word in ("'who'", "10 different", "20 rows", "--target", "--classification"))
    assert len(read(path, classification=True).class_names) == 10
    message = refusal(table("x,who\n" + "".join(f"{k % 150},person {k % 150}\n" for k in range(600))))
    assert "at most 100 classes" in message
    assert "'who'" in refusal(path, classification=False)


def test_whole_numbers_are_classes_only_when_asked(table):
    path = table("x,y\n1,10\n2,-2\n3,10\n4,7\n")
    assert read(path).kind == "regression"
    sample = read(path, classification=True)
    np.testing.assert_array_equal(sample.labels, [2, 0, 2, 1])
    assert sample.class_names == ("-2", "7", "10")
    assert "2.5" in refusal(table("x,y\n1,1\n2,2.5\n3,1\n"), classification=True)


@pytest.mark.parametrize(
    ("dates", "unit", "numbers"),
    [
        (["2000-01-01", "2001-01-01", "2010-01-01"], "year", [0, 366 / 365.25, 3653 / 365.25]),
        (["2020-02-28", "2020-03-01", "2020-03-05"], "day", [0, 2, 6]),
        (["2020-01-01 00:30", "2020-01-01 06:00", "2020-01-01 12:00:30"], "hour", [0, 5.5, 11.5 + 30 / 3600]),
        (["2020-01-01T00:00:00.25", "2020-01-01T00:00:01", "2020-01-01T00:00:02"], "second", [0, 0.75, 1.75]),
        (["2020-01-01T01:00:00+01:00", "2020-01-01T12:00:00Z", "2020-01-02T00:00:00Z"], "hour", [0, 12, 24]),
        (["2020-01", "2020-02", "2020-03"], "day", [0, 31, 60]),
        (["2020-01-05", "2020-01-03", "2020-01-10"], "day", [2, 0, 7]),
    ],
)
def test_dates_become_numbers_with_a_unit(table, dates, unit, numbers):
    sample = read(table("when,y\n" + "".join(f"{date},{k}\n" for k, date in enumerate(dates))))
    assert sample.input_units == (unit,)
    np.testing.assert_allclose(sample.points[:, 0], numbers, rtol=1e-9, atol=1e-6)
    assert f"{unit}s" in sample.notes[0]
    assert "'when'" in sample.notes[0]


@settings(deadline=None, max_examples=25)
@given(st.lists(st.dates(datetime.date(1600, 1, 1), datetime.date(2400, 1, 1)), min_size=3, max_size=9, unique=True))
def test_dates_agree_with_the_calendar(tmp_path_factory, dates):
    folder = tmp_path_factory.mktemp("dates")
    (folder / "d.csv").write_text("when,y\n" + "".join(f"{date},{k}\n" for k, date in enumerate(dates)))
    (folder / "compact.csv").write_text("date,y\n" + "".join(f"{d:%Y%m%d},{k}\n" for k, d in enumerate(dates)))
    pl.DataFrame({"when": dates, "y": range(len(dates))}).write_parquet(folder / "d.parquet")
    days = np.array([(date - min(dates)).days for date in dates], float)
    for name in ("d.csv", "compact.csv", "d.parquet"):
        sample = read(folder / name)
        length = {"year": 365.25, "day": 1.0, "hour": 1 / 24}[sample.input_units[0]]
        np.testing.assert_allclose(sample.points[:, 0] * length, days, rtol=1e-9, atol=1e-6)
        assert str(min(dates)) in sample.notes[0]


def test_eight_digits_are_numbers_unless_called_a_date(table):
    sample = read(table("code,y\n20200101,1\n20200102,2\n"))
    np.testing.assert_array_equal(sample.points[:, 0], [20200101, 20200102])


@pytest.mark.parametrize(
    ("date", "words"),
    [
        ("24.12.2020", ("'24.12.2020' in row 2", "2020-12-24", "order")),
        ("03/04/2021", ("'03/04/2021' in row 2", "ISO")),
        ("2021/03/04", ("'2021/03/04'", "ISO")),
        ("3-4-21", ("'3-4-21'", "ISO")),
        ("2021-02-30", ("'2021-02-30' in row 2", "calendar")),
        ("2021-13-01", ("'2021-13-01' in row 2", "calendar")),
        ("2021-03-04T10:00Z", ("time zone",)),
    ],
)
def test_dates_that_are_refused(table, date, words):
    other = date if "-02-30" not in date and "T" not in date else "2021-01-01"
    message = refusal(table(f"when,y\n{date},1\n{other},2\n2021-01-03,3\n"))
    assert all(word in message for word in (*words, "'when'")), message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ("empty", "Check how it was made")),
        (b"\n\n\n", ("blank lines",)),
        (b"x,y\n", ("at least two rows", "one row")),
        (b"x,y\n1,2\n", ("at least two rows",)),
        (b"x,y\n1,2\n2,2\n3,2\n", ("varies", "y equal to 2", "--target")),
        (b"x,y\n5,1\n5,2\n5,3\n", ("inputs that vary", "x constant", "--inputs")),
        (b"x,y\n1,\n,2\n", ("rows without missing values",)),
        (b"x,y,z\n1,,4\n2,NA,6\n", ("'y'", "all are missing", "--inputs or --target")),
        (b"x,y\n1,2\n2,3,4\n3,4\n", ("3 instead of 2 in row 3", "Remove title")),
        (b"Report of May\nx,y\n1,2\n2,3\n", ("2 instead of 1 in row 2",)),
        (b'x,y\n1,"2\n2,3\n', ("quot",)),
        (b"x,y\n1,\xe9\n2,3\n", ("UTF-8", "row 2", "Save it as UTF-8")),
        ("x,y\n1,2\n2,3\n".encode("utf-16"), ("UTF-8",)),
        (b"\x89PNG\r\n\x1a\n\x00\x00", ("a PNG image", "rename it to end in .png")),
        (b"PK\x03\x04\x00\x00", ("zip archive", ".npz")),
        (b"\x00\x01\x02", ("binary",)),
        (b"x y\n1 2\n2 3\n", ("commas, semicolons or tabs", "'1 2'")),
    ],
)
def test_files_that_are_no_tables(table, content, words):
    message = refusal(table(content))
    assert all(word in message for word in words), message


def test_gzip_faults(table):
    packed = gzip.compress(b"x,y\n" + b"1,2\n3,5\n" * 500)
    assert "damaged" in refusal(table(packed[:-20], "cut.csv.gz"))
    assert "drop .gz" in refusal(table("x,y\n1,2\n", "plain.csv.gz"))
    assert "rename it to end in .gz" in refusal(table(packed, "packed.csv"))
    assert "empty" in refusal(table(gzip.compress(b""), "nothing.csv.gz"))


def test_constant_inputs_are_dropped_with_a_note(table):
    sample = read(table("a,b,y\n1,7,1\n2,7,3\n3,7,2\n"))
    assert sample.input_names == ("a",)
    assert sample.points.shape == (3, 1)
    assert any("b" in note and "constant" in note for note in sample.notes)
    kept = read(table("a,b,y\n1,7,1\n2,7,3\n3,7,2\n"), keep_constant=True)
    assert kept.points.tolist() == [[1, 7], [2, 7], [3, 7]]
    assert not kept.notes


def test_repeated_points(table):
    sample = read(table("x,y\n1,2\n1,3\n2,4\n-0.0,1\n0,1\n"))
    conflict, same = sample.notes
    assert "1 point given" in conflict
    assert "no function can fit" in conflict
    assert "rows 2 and 3" in conflict
    assert "same target" in same
    assert "rows 5 and 6" in same
    assert sample.size == 5


def test_one_column_is_a_series(table):
    sample = read(table("y\n3\n4\n\n6\n"))
    np.testing.assert_array_equal(sample.values[:, 0], [3, 4, 6])
    np.testing.assert_array_equal(sample.points[:, 0], [1, 2, 4])
    assert "number of the row" in sample.notes[0]


def test_limit_keeps_the_first_complete_rows(table):
    path = table("x,y\n1,1\n2,\n3,9\n4,16\n")
    sample = read(path, limit=2)
    np.testing.assert_array_equal(sample.points[:, 0], [1, 3])
    assert any("first 2 of 3" in note for note in sample.notes)


def test_tsv_keeps_commas_out(table):
    sample = read(table("x\ty\n1\t2\n2\t3\n", "t.tsv"))
    assert sample.input_names == ("x",)
    assert "decimal" in refusal(table("1,5\t2\n2,5\t3\n", "t.tsv"))


def test_parquet_round_trip(tmp_path):
    path = tmp_path / "t.parquet"
    start = datetime.datetime(2024, 3, 1, tzinfo=datetime.UTC)
    frame = pl.DataFrame(
        {
            "when": [start + datetime.timedelta(hours=6 * k) for k in range(20)],
            "flag": [k % 2 == 0 for k in range(20)],
            "lag": [datetime.timedelta(milliseconds=k) for k in range(20)],
            "count": list(range(20)),
            "y": [None if k == 3 else math.nan if k == 4 else k**0.5 for k in range(20)],
        },
        schema_overrides={"count": pl.UInt8, "y": pl.Float32},
    )
    frame.write_parquet(path)
    sample = read(path)
    kept = [k for k in range(20) if k not in (3, 4)]
    assert sample.input_units == ("day", "", "second", "")
    assert "rows 4, 5" in sample.notes[0]
    expected = np.array([[k / 4, k % 2 == 0, k / 1000, k] for k in kept], float)
    np.testing.assert_allclose(sample.points, expected)
    np.testing.assert_array_equal(sample.values[:, 0], np.sqrt(kept).astype(np.float32).astype(float))
    sample = read(path, inputs="count", target="flag")
    assert sample.class_names == ("false", "true")


def test_parquet_faults(tmp_path, table):
    path = tmp_path / "t.parquet"
    frame = pl.DataFrame({"x": [1, 2, 3], "nested": [[1], [2], [3]], "name": ["u", "v", "w"], "y": [1, 3, 2]})
    frame.write_parquet(path)
    assert "List" in refusal(path, inputs="x,nested")
    assert "'u' in row 1" in refusal(path, inputs="x,name")
    assert "always names its columns" in refusal(path, header=True)
    assert "damaged" in refusal(table(path.read_bytes()[:60], "cut.parquet"))
    assert "rename it to end in .csv" in refusal(table("x,y\n1,2\n", "text.parquet"))
    frame.clear().write_parquet(path)
    assert "none" in refusal(path)
