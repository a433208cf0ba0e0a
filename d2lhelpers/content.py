"""What a file holds, whether gzip has compressed it or not, piece by piece; with the standard library alone."""

import zlib

PIECE = 2**16  # bytes of a file, and of its content, that are in memory at a time
_GZIP = b"\x1f\x8b"  # what each member of a compressed file begins with


def is_compressed(path):
    """Tell whether a file begins as one of gzip's.

    Parameters
    ----------
    path : str or Path
        The file; its name does not matter.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_compressed(__file__)
    False
    """
    with open(path, "rb") as file:
        return file.read(len(_GZIP)) == _GZIP


def pieces(path):
    """Yield the content of a file piece by piece: decompressed if it is one of gzip's, and else as it is.

    A compressed file may have several members, as bgzip and cat make them. Each must be whole, and nothing else may
    follow: zlib compares checksum and length of each.

    Parameters
    ----------
    path : str or Path
        The file; its name does not matter.

    Yields
    ------
    bytes
        1 to `PIECE` bytes.

    Raises
    ------
    ValueError
        If the file is empty, or compressed but damaged; the message says what it is about, without the file's name.

    Examples
    --------
    >>> import gzip, pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "file")
    ...     for content in [b"as it is", gzip.compress(b"compressed") + gzip.compress(b" twice")]:
    ...         _ = path.write_bytes(content)
    ...         list(pieces(path))
    [b'as it is']
    [b'compressed', b' twice']
    """
    with open(path, "rb", buffering=0) as file:  # it is read in pieces as it is
        piece = file.read(PIECE)
        if not piece:
            raise ValueError("it is empty")
        if _GZIP.startswith(piece[:2]):
            yield from _decompressed(file, piece)
            return
        while piece:
            yield piece
            piece = file.read(PIECE)


def _decompressed(file, piece):
    inflater = zlib.decompressobj(wbits=31)  # for one member
    while piece:
        try:
            content = inflater.decompress(piece, PIECE)
        except zlib.error as error:
            raise ValueError(str(error)) from None
        if content:
            yield content
        if not inflater.eof:
            piece = inflater.unconsumed_tail or file.read(PIECE)
            continue
        piece = inflater.unused_data or file.read(PIECE)
        if len(piece) == 1:
            piece += file.read(PIECE - 1)
        if piece:
            if not piece.startswith(_GZIP):
                raise ValueError("something follows its compressed data")
            inflater = zlib.decompressobj(wbits=31)
    if not inflater.eof:
        raise ValueError("it breaks off")
