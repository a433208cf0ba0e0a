"""The reader of IDX, the file format of MNIST and of the data sets after its model."""

from contextlib import closing

import numpy as np

from .content import pieces


def read_idx(path, shape, maximum=255):
    """Read an array of unsigned bytes from an IDX file, compressed by gzip or not.

    Such a file is two zero bytes, the type (8), the number of axes, the length of each axis (four bytes, the highest
    first), and the values. Everything is checked, the header before anything is allocated; the values go into their
    place piece by piece. So the array is all the memory needed, however large the file is or says it is.

    Parameters
    ----------
    path : str or Path
        The file.
    shape : tuple of int
        The shape that the array must have.
    maximum : int
        The largest value that it may hold, 0 to 255.

    Returns
    -------
    numpy.ndarray of shape `shape`, uint8
        Values from 0 to `maximum`.

    Raises
    ------
    ValueError
        If the file holds anything else; the message names the file and the fault.

    Examples
    --------
    >>> import gzip, pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "labels.gz")
    ...     _ = path.write_bytes(gzip.compress(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1])))
    ...     read_idx(path, shape=(3,))
    array([7, 2, 1], dtype=uint8)
    """
    with closing(pieces(path)) as content:
        try:
            return _decode(content, shape, maximum)
        except ValueError as error:
            raise ValueError(f"{path} is damaged, or another file: {error}.") from None


def _decode(content, shape, maximum):
    rest = memoryview(b"")  # of the piece that was taken last

    def fill(buffer):
        nonlocal rest
        filled = 0
        while filled < len(buffer) and (rest := rest or memoryview(next(content, b""))):
            length = min(len(rest), len(buffer) - filled)
            buffer[filled : filled + length] = rest[:length]
            rest = rest[length:]
            filled += length
        return filled

    expected = bytes([0, 0, 8, len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape)
    header = bytearray(len(expected))
    if (length := fill(memoryview(header))) < len(header):
        raise ValueError(f"its header ends after {length} bytes, where {len(header)} are expected")
    if header[:4] != expected[:4]:
        raise ValueError(f"it begins with the bytes {header[:4].hex(' ')}, where {expected[:4].hex(' ')} are expected")
    if header != expected:
        found = tuple(int.from_bytes(header[i : i + 4], "big") for i in range(4, len(header), 4))
        raise ValueError(f"its header gives the shape {found}, where {tuple(shape)} is expected")
    values = np.empty(shape, dtype="uint8")
    if (length := fill(memoryview(values.reshape(-1)))) < values.size:
        raise ValueError(f"it holds {length} values, where its header says {values.size}")
    if fill(memoryview(bytearray(1))):
        raise ValueError(f"it holds more than the {values.size} values that its header says")
    if values.max(initial=0) > maximum:
        first = int(np.argmax(values > maximum))
        raise ValueError(f"it holds {values.flat[first]} at position {first}, where at most {maximum} is expected")
    return values
