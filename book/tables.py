"""Tables of code, which are wide, on a narrow page: code that breaks, and cells that name their column."""

import re

from bs4 import BeautifulSoup


def for_narrow_pages(body):
    """Return a page's HTML with tables of code that book.css can break and stack.

    Examples
    --------
    >>> page = "<table><thead><tr><th>what</th><th>formula</th><th>code</th></tr></thead>"
    >>> page += "<tbody><tr><td>loss</td><td>half</td><td><code>loss(y)</code></td></tr></tbody></table>"
    >>> for line in for_narrow_pages(page).split("<tr>")[2].split("<td"):
    ...     print(line)
    <BLANKLINE>
     data-column="what">loss</td>
     data-column="formula">half</td>
     data-column="code"><code>loss(y)</code></td></tr></tbody></table>
    """
    body = re.sub(r"<td.*?</td>", _with_breaks, body, flags=re.DOTALL)
    return re.sub(r"<table.*?</table>", _with_columns, body, flags=re.DOTALL)


def _with_breaks(cell):
    """Let code in a narrow column break before a word, and not within one."""

    def breaks(code):
        return re.sub(r"(?<=[(.,=])(?=[a-z\"'])", "<wbr>", code[0], flags=re.IGNORECASE)

    return re.sub(r'(?<=<span class="pre">)[^<]+', breaks, cell[0])


def _with_columns(match):
    """Mark a table of three columns or more, with code in it, and write into each cell the heading of its column."""
    page = BeautifulSoup(match[0], "html.parser")
    columns = [heading.get_text(" ", strip=True) for heading in page.select("thead th")]
    if len(columns) < 3 or not page.select("td code"):
        return match[0]
    page.table["class"] = [*page.table.get("class", []), "stacks"]
    for row in page.select("tbody tr"):
        for column, cell in zip(columns, row.select("td"), strict=True):
            cell["data-column"] = column
    return str(page)
