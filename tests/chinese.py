"""What the tests of exercises share: a verdict is said in Chinese, and no English is left in it."""

import re

import d2lhelpers as dh

# Words in Latin letters that a Chinese text of ours may have outside of code.
_LIBRARIES = {"NumPy", "MXNet", "Gluon", "Trainer", "Dense", "autograd", "math", "nd", "Fashion", "MNIST"}
_MATHEMATICS = {"softmax", "sigmoid", "tanh", "ReLU", "exp", "ln", "log", "nan", "inf", "MB", "one", "hot", "Xw"}
_NAMES = {
    "fit",
    "predict",
    "net",
    "loss",
    "trainer",
    "step",
    "backward",
    "record",
    "initialize",
    "reshape",
    "dot",
    "argmax",
    "error",
}
_COMPUTERS = {"macOS", "Linux", "Intel", "Debian", "Ubuntu", "Rosetta", "WSL", "Dockerfile", "glibc"}
_PEOPLE = {"Xavier", "He"}  # whom the initialisations are named after
_PYTHON = {"MPLBACKEND", "Python", "CPython", "Jupyter", "IPython", "matplotlib", "packaging", "Fashion", "MNIST"}
_ALLOWED = (
    _COMPUTERS
    | _PEOPLE
    | _PYTHON
    | _LIBRARIES
    | _MATHEMATICS
    | _NAMES
    | {"lambda", "wd", "lr", "print", "return", "with", "None", "True"}
)
_PATTERNS = (
    r"\$[^$\n]*\$",  # formulas
    # Commands, as the doctor advises them.
    r"\b(wsl --install|arch -x86_64 zsh|make doctor|python -m d2lhelpers|jupyter kernelspec remove python3)\b",
    r"\b(sudo apt-get install|(unset|export) (MPLBACKEND|D2L_LANGUAGE|HOME=))",
    r"\bbook/install.md\b",
    r"--(here|wait)\b",
    r"(?<=：)\w*(Error|Exit|Exception|Warning)(: [^\u4e00-\u9fff\n]*$)?",  # its message, too, if it is a library's
    r"<(function|NDArray) .*(?=，类型是)",  # an answer that is no answer, as Python shows it
    r"(?<=类型[为是] )\w+",
    r"(?<=返回的是 )\w+",
    r"'[^'\n]*'",  # words in quotes are a learner's own, or code
    r'"[^"\n]*"',
    r"<\w+>",  # <lambda>
    r"[A-Za-z_][\w.]*\((\w+(, )?)*\)",  # call(name, name)
    r"[A-Za-z_][\w.]*(?=[(\[=])",  # call(...), array[...], name=
    r"\b[A-Za-z]\w*(\.\w+)+",  # nd.exp
    r"\.\w+",  # .exp
    r"\b\w*[_\d]\w*\b",  # y_hat, W1, float32
    r"=[A-Za-z]+",  # =True
)


def english_in(text):
    """Return the English words in a Chinese text: two Latin letters and more that are no code."""
    for pattern in _PATTERNS:
        text = re.sub(pattern, " ", text, flags=re.MULTILINE)
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
