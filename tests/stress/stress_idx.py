"""The fuzz of the IDX reader with as many files as patience allows: a minute; `make stress` runs it."""

from hypothesis import given, settings
from test_idx import check_file, files


@given(files())
@settings(max_examples=10_000, deadline=5_000, database=None)
def test_ten_thousand_files_are_read_right_or_refused(tmp_path_factory, file):
    check_file(tmp_path_factory.getbasetemp() / "fuzzed.gz", *file)
