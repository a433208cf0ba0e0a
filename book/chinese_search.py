"""The search in the Chinese edition.

Chinese writes no blanks between words. A dictionary that splits them is large, lacks many terms of this book, and is
not there in a browser. So the index holds each pair of neighbours, and each character by itself. What a reader types
is split into pairs, too, and the pages are found that have all of them: 权重衰减 is 权重, 重衰 and 衰减. Search engines
without a dictionary do the same. English words are found as in the English edition.
"""

import re

from sphinx.search.en import SearchEnglish

PARTS = re.compile(r"[\u3400-\u9fff]+|(?:(?![\u3400-\u9fff])\w)+")  # Chinese, or a word in other letters


def is_chinese(part):
    """Whether a part of a text is in Chinese characters."""
    return "\u3400" <= part[0] <= "\u9fff"


def pairs(part):
    """Return each two neighbours in a text.

    Examples
    --------
    >>> pairs("权重衰减")
    ['权重', '重衰', '衰减']
    """
    return [part[place : place + 2] for place in range(len(part) - 1)]


class ChineseSearch(SearchEnglish):
    """How Sphinx splits the pages, and what is typed."""

    lang = "zh"
    language_name = "English"  # that of the stemmer, which finds "layers" by "layer"
    # For the browser: the same, but that a single character is looked for only where it was typed by itself, and what
    # joins two terms (的, 了, 和, 与) is not looked for at all.
    js_splitter_code = r"""
function splitQuery(query) {
  const terms = query.replaceAll(/[的了和与]/g, " ");
  const parts = terms.match(/[\u3400-\u9fff]+|(?:(?![\u3400-\u9fff])[\p{L}\p{N}_])+/gu) ?? [];
  return parts.flatMap((part) => {
    if (part.length == 1 || !/^[\u3400-\u9fff]/.test(part)) return [part];
    return [...part].slice(1).map((character, place) => part[place] + character);
  });
}
"""

    def split(self, input):
        """Return what a text is found by."""
        return [
            found for part in PARTS.findall(input) for found in ([*part, *pairs(part)] if is_chinese(part) else [part])
        ]

    def word_filter(self, word):
        """Whether a page is found by a word; English ones are left out as in the English edition."""
        return is_chinese(word) or super().word_filter(word)
