"""What the tests of exercises share: a verdict is said in Chinese, and no English is left in it."""

import re

import d2lhelpers as dh

# Words in Latin letters that a Chinese text of ours may have outside of code.
_LIBRARIES = {"NumPy", "MXNet", "Gluon", "Trainer", "Dense", "autograd", "math", "nd"}
_MATHEMATICS = {"softmax", "sigmoid", "tanh", "ReLU", "exp", "ln", "log", "nan", "inf", "MB", "one", "hot"}
_CODE_WORDS = {
    "net",
    "loss",
    "trainer",
    "step",
    "backward",
    "record",
    "initialize",
    "reshape",
    "lambda",
    "wd",
    "lr",
    "dot",
    "argmax",
    "error",
    "Xw",
}
_PYTHON = {
    "return",
    "print",
    "with",
    "None",
    "True",
    "int",
    "float",
    "str",
    "bool",
    "list",
    "tuple",
    "function",
    "type",
}
_ALLOWED = _LIBRARIES | _MATHEMATICS | _CODE_WORDS | _PYTHON | {"NoneType", "NDArray", "ndarray"}
_PATTERNS = (  # of code
    r"'[^'\n]*'",  # words in quotes are a learner's own, or code
    r'"[^"\n]*"',
    r"<\w+>",  # <lambda>
    r"<\w+[^<>]*>",  # <function ... at 0x7f>
    r"[A-Za-z_][\w.]*\((\w+(, )?)*\)",  # call(name, name)
    r"[A-Za-z_][\w.]*(?=[(\[=])",  # call(...), array[...], name=
    r"\b[A-Za-z]\w*(\.\w+)+",  # nd.exp
    r"\.\w+",  # .exp
    r"\b\w*[_\d]\w*\b",  # y_hat, W1, float32
    r"=[A-Za-z]+",  # =True
)
_ERROR = re.compile(r"(得到的：\w*(?:Error|Exit|Exception)): [^\u4e00-\u9fff]*$", re.MULTILINE)


def english_in(text):
    """Return the English words in a Chinese text: two Latin letters and more that are no code."""
    text = _ERROR.sub(r"\1", text)  # the message of another library
    text = re.sub(r"\w+(Error|Exit|Exception)\b", "", text)
    for pattern in _PATTERNS:
        text = re.sub(pattern, " ", text)
    return [word for word in re.findall(r"[A-Za-z]{2,}", text) if word not in _ALLOWED]


def in_chinese(verdict):
    """Return what a verdict says in Chinese; an AssertionError if there is any English in it."""
    dh.set_language("zh")
    try:
        text = verdict.text
    finally:
        dh.set_language("en")
    assert re.search(r"[\u4e00-\u9fff]", text), text
    assert not english_in(text), text
    return text
