import gzip
import itertools
import struct
import tracemalloc
import zlib

from d2lhelpers.content import PIECE, pieces
from d2lhelpers.idx import read_idx

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

LABELS = np.array([3, 0, 9, 9, 1, 7], dtype="uint8")
IMAGES = np.arange(2 * 3 * 4, dtype="uint8").reshape(2, 3, 4) * 10


def encoded(values, head=b"\0\0\x08", shape=None):
    shape = values.shape if shape is None else shape
    return head + bytes([len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + values.tobytes()


def compressed(values):
    return gzip.compress(encoded(values), mtime=0)


@pytest.fixture
def read(tmp_path):
    """Read the bytes that are handed in as if they were a file."""
    path = tmp_path / "values.gz"

    def read(content, shape, maximum=255):
        path.write_bytes(content)
        return read_idx(path, shape, maximum)

    return read


# what is there is read


@pytest.mark.parametrize("values", [LABELS, IMAGES, IMAGES[:1], IMAGES[:0], np.array(5, dtype="uint8")])
@pytest.mark.parametrize("level", [0, 1, 9])
def test_values_are_those_of_the_file(values, level, read):
    result = read(gzip.compress(encoded(values), level), values.shape)
    np.testing.assert_array_equal(result, values)
    assert (result.dtype, result.shape) == (np.uint8, values.shape)
    assert result.flags.c_contiguous
    assert result.flags.writeable


MEMBERS = {
    "two members": [encoded(LABELS)[:10], encoded(LABELS)[10:]],
    "many members": [encoded(LABELS)[i : i + 1] for i in range(len(encoded(LABELS)))],
    "empty members, too": [b"", encoded(LABELS)[:5], b"", b"", encoded(LABELS)[5:], b""],
}


@pytest.mark.parametrize("name", MEMBERS)
def test_members_are_joined(name, read):
    np.testing.assert_array_equal(read(b"".join(map(gzip.compress, MEMBERS[name])), (6,)), LABELS)


@pytest.mark.parametrize("values", [LABELS, IMAGES, IMAGES[:0], np.zeros((3, PIECE), "uint8")])
def test_what_is_not_compressed_is_read_as_it_is(values, read):
    np.testing.assert_array_equal(read(encoded(values), values.shape), values)


@pytest.mark.parametrize("shift", [-1, 0, 1])
def test_a_member_may_begin_where_a_piece_of_the_file_ends(shift, read):
    content = encoded(LABELS)
    first = gzip.compress(content[:10])
    name = b"x" * (PIECE - len(first) - 1 + shift) + b"\0"
    first = first[:3] + b"\x08" + first[4:10] + name + first[10:]
    assert len(first) == PIECE + shift
    np.testing.assert_array_equal(read(first + gzip.compress(content[10:]), (6,)), LABELS)


def test_pieces_are_small(tmp_path):
    for content in (bytes(5 * PIECE), gzip.compress(bytes(5 * PIECE))):
        (tmp_path / "file").write_bytes(content)
        assert {len(piece) for piece in pieces(tmp_path / "file")} == {PIECE}


@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_paths_and_their_names_are_taken(kind, tmp_path):
    (tmp_path / "values.gz").write_bytes(compressed(LABELS))
    np.testing.assert_array_equal(read_idx(kind(tmp_path / "values.gz"), [6]), LABELS)


def test_the_name_and_the_time_in_a_gzip_header_do_not_matter(tmp_path):
    with gzip.open(tmp_path / "a name.gz", "wb") as file:
        file.write(encoded(LABELS))
    np.testing.assert_array_equal(read_idx(tmp_path / "a name.gz", (6,)), LABELS)


@pytest.mark.parametrize("maximum", [9, 10, 255])
def test_values_up_to_the_maximum_are_allowed(maximum, read):
    np.testing.assert_array_equal(read(compressed(LABELS), (6,), maximum), LABELS)


def test_missing_files_and_folders_are_errors_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"values\.gz"):
        read_idx(tmp_path / "values.gz", (6,))
    with pytest.raises(IsADirectoryError):
        read_idx(tmp_path, (6,))


# and nothing else


FAULTS = {
    "empty": (b"", "it is empty"),
    "truncated": (compressed(LABELS)[:-1], "it breaks off"),
    "followed by zeros": (compressed(LABELS) + bytes(8), "something follows its compressed data"),
    "followed by much": (compressed(LABELS) + bytes(2**17), "something follows its compressed data"),
    "followed by text": (compressed(LABELS) + b"\n", "something follows its compressed data"),
    "followed by one byte": (compressed(LABELS) + b"\x1f", "something follows its compressed data"),
    "followed by half a member": (compressed(LABELS) + gzip.compress(b"")[:-1], "it breaks off"),
    "followed by more": (compressed(LABELS) + gzip.compress(b"\0"), "it holds more than the 6 values"),
    "two members, the first one cut": (gzip.compress(encoded(LABELS)[:10])[:-1] + compressed(LABELS), "incorrect"),
    "two members, too few values": (
        gzip.compress(encoded(LABELS)[:10]) + gzip.compress(encoded(LABELS)[10:-1]),
        "it holds 5 values, where its header says 6",
    ),
    "two members, the second one damaged": (
        gzip.compress(encoded(LABELS)[:10]) + gzip.compress(encoded(LABELS)[10:])[:-8] + bytes(8),
        "incorrect data check",
    ),
    "not compressed, and half a header": (encoded(LABELS)[:7], "its header ends after 7 bytes, where 8 are expected"),
    "not compressed, and truncated": (encoded(LABELS)[:-1], "it holds 5 values, where its header says 6"),
    "not compressed, and followed by a byte": (encoded(LABELS) + b"\0", "it holds more than the 6 values"),
    "not compressed, and followed by a member": (encoded(LABELS) + gzip.compress(b""), "it holds more than the 6"),
    "a web page": (b"<!DOCTYPE html><html>", "it begins with the bytes 3c 21 44 4f, where 00 00 08 01 are expected"),
    "compressed otherwise": (zlib.compress(encoded(LABELS)), "it begins with the bytes 78 9c "),
    "wrong checksum": (compressed(LABELS)[:-8] + b"1234" + compressed(LABELS)[-4:], "incorrect data check"),
    "wrong length": (compressed(LABELS)[:-4] + b"1234", "incorrect length check"),
    "corrupt": (compressed(LABELS)[:10] + b"\xff" * 30, "invalid block type"),
    "nothing compressed": (gzip.compress(b""), "its header ends after 0 bytes, where 8 are expected"),
    "half a header": (gzip.compress(encoded(LABELS)[:7]), "its header ends after 7 bytes, where 8 are expected"),
    "wrong magic number": (
        gzip.compress(encoded(LABELS, head=b"\0\1\x08")),
        "it begins with the bytes 00 01 08 01, where 00 00 08 01 are expected",
    ),
    "signed bytes": (gzip.compress(encoded(LABELS, head=b"\0\0\x09")), "it begins with the bytes 00 00 09 01,"),
    "floats": (gzip.compress(encoded(LABELS, head=b"\0\0\x0d")), "it begins with the bytes 00 00 0d 01,"),
    "images": (compressed(IMAGES), "it begins with the bytes 00 00 08 03,"),
    "one too few": (compressed(LABELS[:5]), r"its header gives the shape \(5,\), where \(6,\) is expected"),
    "one too many": (compressed(np.zeros(7, "uint8")), r"its header gives the shape \(7,\), where \(6,\) is expected"),
    "enormous": (
        gzip.compress(encoded(LABELS, shape=(2**32 - 1,))),
        r"its header gives the shape \(4294967295,\), where \(6,\) is expected",
    ),
    "other byte order": (
        gzip.compress(encoded(LABELS, shape=(6 << 24,))),
        r"its header gives the shape \(100663296,\), where \(6,\) is expected",
    ),
    "fewer than the header says": (gzip.compress(encoded(LABELS)[:-1]), "it holds 5 values, where its header says 6"),
    "no values": (gzip.compress(encoded(LABELS)[:-6]), "it holds 0 values, where its header says 6"),
    "more than the header says": (
        gzip.compress(encoded(LABELS) + b"\0"),
        "it holds more than the 6 values that its header says",
    ),
    "no class, after the last one": (
        compressed(np.array([0, 9, 8, 10, 9, 11], dtype="uint8")),
        "it holds 10 at position 3, where at most 9 is expected",
    ),
    "no class": (compressed(LABELS + np.uint8(1)), "it holds 10 at position 2, where at most 9 is expected"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_named(name, read):
    content, fault = FAULTS[name]
    with pytest.raises(ValueError, match=rf"[/\\]values\.gz is damaged, or another file: .*{fault}"):
        read(content, (6,), maximum=9)


@pytest.mark.parametrize("pieces", [1, 2])
def test_what_follows_is_seen_even_where_a_piece_of_the_file_ends(pieces, read):
    head, rest = compressed(LABELS)[:10], compressed(LABELS)[10:]
    name = b"x" * (pieces * PIECE - len(head) - len(rest) - 1) + b"\0"
    content = head[:3] + b"\x08" + head[4:] + name + rest  # as long as whole pieces, by the name in its header
    assert len(content) == pieces * PIECE
    np.testing.assert_array_equal(read(content, (6,)), LABELS)
    with pytest.raises(ValueError, match="something follows its compressed data"):
        read(content + b"\0", (6,))


def test_shapes_of_images_are_compared_axis_by_axis(read):
    for shape in [(2, 4, 3), (2, 3, 5), (3, 3, 4), (4, 3, 2)]:
        with pytest.raises(ValueError, match=rf"gives the shape \(2, 3, 4\), where \({shape[0]}, {shape[1]}, "):
            read(compressed(IMAGES), shape)


@pytest.mark.parametrize("values", [LABELS, IMAGES])
def test_no_part_of_a_file_is_taken_for_the_whole(values, read):
    content = compressed(values)
    for length in range(len(content)):
        with pytest.raises(ValueError, match="it is empty" if length == 0 else "it breaks off"):
            read(content[:length], values.shape)


@pytest.mark.parametrize("values", [LABELS, IMAGES])
def test_no_flipped_bit_changes_the_values(values, read):
    content = compressed(values)
    unharmed = set()
    for position, bit in itertools.product(range(len(content)), range(8)):
        flipped = bytearray(content)
        flipped[position] ^= 1 << bit
        try:
            result = read(bytes(flipped), values.shape)
        except ValueError:
            continue
        np.testing.assert_array_equal(result, values)
        unharmed.add(position)
    # In gzip's header a flag for text, the time, and how and where it was compressed; the filling of the last byte.
    assert unharmed <= {*range(3, 10), len(content) - 9}


# bounded memory


LITTLE = 400_000  # bytes: a piece of the file, decompressed and not, and what zlib needs


def measured(path, shape, maximum=255):
    """Read a file; return the array or the error, and how many bytes were allocated at once."""
    tracemalloc.start()
    try:
        result = read_idx(path, shape, maximum)
    except ValueError as error:
        result = error
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return result, peak


@pytest.mark.parametrize("largest", [0, 64])  # zeros are compressed a thousandfold
def test_the_array_is_all_the_memory_that_is_needed(largest, tmp_path, rng):
    values = rng.integers(0, largest + 1, (4000, 28, 28), dtype="uint8")
    (tmp_path / "values.gz").write_bytes(compressed(values))
    result, peak = measured(tmp_path / "values.gz", values.shape)
    np.testing.assert_array_equal(result, values)
    assert values.nbytes < peak < values.nbytes + LITTLE


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (encoded(LABELS, shape=(2**32 - 1,)), "its header gives the shape"),
        (encoded(LABELS) + bytes(20_000_000), "it holds more than"),
        (bytes(20_000_000), "it begins with"),
    ],
    ids=["large only by its header", "large after the values", "large without a header"],
)
def test_large_files_are_refused_in_little_memory(content, fault, tmp_path):
    (tmp_path / "values.gz").write_bytes(gzip.compress(content))
    error, peak = measured(tmp_path / "values.gz", (6,))
    assert isinstance(error, ValueError)
    assert fault in str(error)
    assert peak < LITTLE


# any bytes whatever; tests/stress/stress_idx.py tries more of them


@st.composite
def arrays(draw):
    shape = tuple(draw(st.lists(st.integers(0, 6), max_size=3)))
    maximum = draw(st.sampled_from([9, 255]))
    size = int(np.prod(shape, dtype=int))
    values = draw(st.lists(st.integers(0, maximum), min_size=size, max_size=size))
    return np.array(values, dtype="uint8").reshape(shape), maximum


@st.composite
def mutated(draw, content):
    """Content with a few bytes changed, left out or put in, or cut off."""
    content = bytearray(content)
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.sampled_from([0, 1, 1, 1, 2, 4, 2**20])))
        content[start:end] = draw(st.binary(max_size=6))
    return bytes(content)


@st.composite
def files(draw):
    """A file's content, and the shape and the maximum that are expected of it."""
    values, maximum = draw(arrays())
    kinds = ["bytes", "compressed bytes", "not compressed", "mutated", "mutated", "mutated", "members"]
    kind = draw(st.sampled_from(kinds))
    event(kind)
    if kind == "bytes":
        content = draw(st.binary(max_size=200))
    elif kind == "compressed bytes":
        content = draw(st.sampled_from([b"", encoded(values)[:4], encoded(values)])) + draw(st.binary(max_size=200))
        content = gzip.compress(content, draw(st.integers(0, 9)))
    elif kind == "not compressed":
        content = draw(mutated(encoded(values)))
    elif kind == "mutated":
        content = gzip.compress(draw(mutated(encoded(values))), draw(st.integers(0, 9)))
        content = draw(mutated(content))
    else:
        parts = draw(st.lists(mutated(encoded(values)), max_size=3))
        content = b"".join(map(gzip.compress, parts)) + draw(st.sampled_from([b"", b"\0", b"\x1f\x8b"]))
    return content, values.shape, maximum


def check_file(path, content, shape, maximum):
    """Check that the reader returns what gzip and NumPy find in a file or else names it, in little memory."""
    path.write_bytes(content)
    values, peak = measured(path, shape, maximum)
    assert peak < LITTLE
    if isinstance(values, ValueError):
        event("refused")
        assert str(path) in str(values)
        return
    event("read")
    content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    content = np.frombuffer(content, dtype="uint8")
    header, content = np.split(content, [4 + 4 * len(shape)])
    assert header[:4].tolist() == [0, 0, 8, len(shape)]
    assert tuple(header[4:].view(">u4")) == shape
    np.testing.assert_array_equal(values, content.reshape(shape))
    assert (values.dtype, values.shape) == (np.uint8, shape)
    assert (content <= maximum).all()


@given(files())
@settings(max_examples=300, deadline=None, derandomize=True, database=None)
def test_any_bytes_are_read_right_or_refused(tmp_path_factory, file):
    check_file(tmp_path_factory.getbasetemp() / "fuzzed.gz", *file)


@given(arrays(), st.lists(st.integers(0, 9), max_size=3), st.data())
@settings(max_examples=100, deadline=None, derandomize=True, database=None)
def test_any_array_is_read_as_it_was_written(tmp_path_factory, array, levels, data):
    """Compressed in one go, or in several of different levels, or not at all."""
    values, maximum = array
    path = tmp_path_factory.getbasetemp() / "written"
    content = encoded(values)
    if levels:
        cuts = [0, *sorted(data.draw(st.integers(0, len(content))) for _ in levels[1:]), len(content)]
        ends = zip(itertools.pairwise(cuts), levels, strict=True)
        content = b"".join(gzip.compress(content[start:end], level) for (start, end), level in ends)
    path.write_bytes(content)
    np.testing.assert_array_equal(read_idx(path, values.shape, maximum), values)
