# Everything that is done with this repository. A bare `make` explains the targets.

# Learners are spoken to in the language that is chosen on the command line, as in "make lab LANGUAGE=zh", else that of
# D2L_LANGUAGE, else that of the locale, by the rule of d2lhelpers/language/locales.py. (LANGUAGE is a variable of the
# locale, too: a list such as en_US:en.)
LANGUAGES := en $(patsubst d2lhelpers/language/%/LC_MESSAGES,%,$(wildcard d2lhelpers/language/*/LC_MESSAGES))
ifneq ($(findstring command,$(origin LANGUAGE)),)
ifneq ($(strip $(words $(LANGUAGE)) $(filter-out $(LANGUAGES),$(LANGUAGE))),1)
$(error LANGUAGE is "$(LANGUAGE)", and must be one of: $(LANGUAGES))
endif
CHOSEN := $(LANGUAGE)
export D2L_LANGUAGE := $(CHOSEN)
unexport LANGUAGE
else ifneq ($(D2L_LANGUAGE),)
CHOSEN := $(firstword $(filter $(LANGUAGES),$(D2L_LANGUAGE)) en)
else
LOCALE := $(or $(LC_ALL),$(LC_MESSAGES),$(LANG),C)
LOCALES := $(if $(filter-out C POSIX,$(LOCALE)),$(subst :, ,$(LANGUAGE))) $(LOCALE)
first_part = $(firstword $(subst _, ,$(subst -, ,$(subst ., ,$(subst @, ,$(1))))))
CHOSEN := $(firstword $(filter $(LANGUAGES),$(foreach name,$(LOCALES),$(call first_part,$(name)))) en)
endif
START := $(firstword $(wildcard notebooks/$(CHOSEN)/00_start_here.ipynb) notebooks/00_start_here.ipynb)
# This file is in UTF-8, which a terminal of another encoding cannot show.
ENCODING := $(or $(LC_ALL),$(LC_CTYPE),$(LANG))
SHOWS_UTF_8 := $(if $(findstring .,$(ENCODING)),$(findstring UTF,$(ENCODING))$(findstring utf,$(ENCODING)),yes)
SPOKEN := $(firstword $(if $(SHOWS_UTF_8),$(filter zh,$(CHOSEN))) en)

# What make says; the targets have theirs beside them.
USAGE_en = Usage: make TARGET. The first target that needs it builds the environment in $(VENV) (about a minute).
USAGE_zh = 用法：make 目标。第一个用到环境的目标会把它建在 $(VENV) 里（大约一分钟）。
LEARNERS_en := For learners and teachers:
LEARNERS_zh := 给学习者和老师：
AUTHORS_en := For authors (CONTRIBUTING.md):
AUTHORS_zh := 给作者（CONTRIBUTING.zh.md）：
MENDED_en := All packages are in place again: make doctor looks once more.
MENDED_zh := 所有软件包都已放回原处：用 make doctor 再检查一次。
BOOK_en := Open build/book/index.html in a browser.
BOOK_zh := 在浏览器里打开 build/book/zh/index.html。
BUILDING_en = Building $(@D) from requirements.lock$(if $(2), and the group $(2)) ...
BUILDING_zh = 正在建立 $(@D)，按照 requirements.lock$(if $(2), 和 $(2) 组) ……
UV_en := Installing uv into .uv ...
UV_zh := 正在把 uv 安装到 .uv ……
NO_ENVIRONMENT_en = there is no environment in $(VENV) to mend: run make lab, which builds one.
NO_ENVIRONMENT_zh = $(VENV) 里没有环境可修：运行 make lab，它会建好环境。
A_SPACE_en = PYTHON is "$(PYTHON)", and may have no space in it: name a link to that interpreter
A_SPACE_zh = PYTHON 是“$(PYTHON)”，里面不能有空格：请改用指向这个解释器的链接
NO_PYTHON_en = $(1) is no Python that can be run: PYTHON is a version, as in $(A_PYTHON), or the path of an interpreter.
NO_PYTHON_zh = $(1) 不是能运行的 Python：PYTHON 是版本号，例如 $(A_PYTHON)，或者解释器的路径。
# The shell fills in these.
REFUSED_en = Python $$version is $$why: the notebooks run on Python $(FIRST_PYTHON) to $(LAST_PYTHON). Leave out PYTHON, or say $(A_PYTHON).
REFUSED_zh = Python $$version $$why：笔记本要用 Python $(FIRST_PYTHON) 到 $(LAST_PYTHON)。不写 PYTHON，或者写 $(A_PYTHON)。
TOO_OLD_en := too old
TOO_OLD_zh := 太旧
TOO_NEW_en := too new
TOO_NEW_zh := 太新
NO_CPYTHON_en := not a CPython that is known here
NO_CPYTHON_zh := 不是这里认识的 CPython
NOT_FETCHED_en = no CPython $(1) here and uv could fetch none: install python$(1), or give the path of one in PYTHON, and run make again.
NOT_FETCHED_zh = 这里没有 CPython $(1)，uv 也没能下载：安装 python$(1)，或者用 PYTHON 给出它的路径，再运行 make。
NO_UV_en := no uv here, and none could be installed: install uv, or python3 with its venv module, and run make again.
NO_UV_zh := 这里没有 uv，也没能装上：安装 uv，或者安装 python3 和它的 venv 模块，再运行 make。

PYTHON := 3.11
PYTHONS := 3.10 3.11 3.12 3.13 3.14 3.15
FIRST_PYTHON := $(firstword $(PYTHONS))
LAST_PYTHON := $(lastword $(PYTHONS))
A_PYTHON := PYTHON=$(LAST_PYTHON)
# "make test PYTHON=3.13" has an environment of its own; PYTHON may also be the path of an interpreter.
ifneq ($(word 2,$(PYTHON)),)
$(error $(A_SPACE_$(SPOKEN)))
endif
VENV := .venv$(if $(findstring command,$(origin PYTHON)),-$(notdir $(PYTHON)))
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BENCH := .venv-bench
AUDIT := .venv-audit
LOWEST := .venv-lowest

# uv builds the environment: the one on PATH, else one that is installed from PyPI into .uv/.
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
OLDEST_PYTHON := $(shell sed -n 's/^requires-python = ">=\([0-9.]*\),.*/\1/p' pyproject.toml)
UV_NEEDED := $(shell sed -n 's/^required-version = "\(.*\)"/\1/p' pyproject.toml)

# As pip does, uv trusts whom the system trusts, a proxy with a certificate of its own for instance; it brings a list of
# authorities for systems that have none. The second name is that of older ones.
CERTIFICATES := $(wildcard /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/ca-bundle.pem \
	/etc/ssl/cert.pem)
ifneq ($(CERTIFICATES),)
export UV_SYSTEM_CERTS ?= true
export UV_NATIVE_TLS ?= true
endif

# JupyterLab refuses to run as root, the usual user of a container, unless it is told that this is meant.
LAB_FLAGS := --ServerApp.ip=127.0.0.1 --LabApp.news_url=None $(if $(filter 0,$(shell id -u)),--allow-root)

.DEFAULT_GOAL := help
.PHONY: help lab doctor mend test test-all test-lowest test-arm test-browser stress mutants bench audit book run store lint catalogues lock clean

# What learners may want is explained behind two number signs, what authors need behind three; in Chinese one line above.
EXPLAIN_en = sed -n 's/^\([a-z-]*\):.*[^\#]$(1)  *\(.*\)/  make \1|\2/p' Makefile
EXPLAIN_zh = sed -n '/^\# zh: /{N;s/^\# zh: \(.*\)\n\([a-z-]*\):.*[^\#]$(1)  *[^\#]*$$/  make \2|\1/p;}' Makefile
explain = $(EXPLAIN_$(SPOKEN)) | awk -F'|' '{printf "%-20s %s\n", $$1, $$2}'
# zh: 解释所有目标
help:  ## explain all targets
	@echo "$(USAGE_$(SPOKEN))"
	@printf '\n%s\n' "$(LEARNERS_$(SPOKEN))"
	@$(call explain,##)
	@printf '\n%s\n' "$(AUTHORS_$(SPOKEN))"
	@$(call explain,###)

# zh: 在 JupyterLab 里打开笔记本，只在这台机器上；LANGUAGE=zh 或 en 选择语言
lab: $(READY)  ## open the notebooks in JupyterLab, on this machine only; LANGUAGE=zh or en chooses their language
	$(BIN)/jupyter lab $(LAB_FLAGS) $(START)

# zh: 检查这台机器，说明哪些正常，不正常的该怎么办
doctor:  ## look at this machine, and say what works and what to do about what does not
	@if [ -x $(BIN)/python ]; then exec $(BIN)/python -m d2lhelpers; else exec python3 -m d2lhelpers; fi

# uv keeps copies of what it has installed: where they are complete, this works without a network.
ADD_LOCKED = $(UV) pip install --quiet --no-deps --require-hashes --compile-bytecode --python $(BIN)/python --requirement requirements.lock
# zh: 把环境里缺少或变了的软件包放回去，其余的不动
mend: | $(UV)  ## put back the packages that are missing or changed in the environment; keep all else
	@[ -x $(BIN)/python ] || { echo "make: $(NO_ENVIRONMENT_$(SPOKEN))" >&2; exit 1; }
	@$(ADD_LOCKED) --offline 2>/dev/null || $(ADD_LOCKED)
	$(call own,$(VENV))
	@echo "$(MENDED_$(SPOKEN))"

# zh: 运行全部测试：辅助包的，和每个笔记本每个单元格的
test: $(READY)  ## run all tests: the package's and every cell of every notebook
	$(BIN)/python -m pytest

# zh: 在找得到或下载得到的每个 Python 上，以及用最低的版本，运行全部测试
test-all: $(READY)  ### run all tests on each Python that can be found or fetched, and on the lowest versions
	$(BIN)/python tools/test_all.py $(PYTHONS) lowest

# zh: 用最旧的 Python 和最旧的 NumPy 运行全部测试
test-lowest: $(LOWEST)/.ready  ### run all tests on the oldest Python, with the oldest NumPy
	$(LOWEST)/bin/python -m pytest

# zh: 在模拟的 Debian 里测试 ARM 上不同的部分（要 Linux、root、debootstrap、qemu-user-static；20 分钟）
test-arm: $(READY)  ### run what differs on ARM in an emulated Debian (Linux, root, debootstrap, qemu-user-static; 20 minutes)
	$(BIN)/python tools/test_arm.py

# zh: 用 Chromium 在 JupyterLab 里运行笔记本，并阅读网页（20 分钟）
test-browser: $(READY) .venv-browser/.ready book  ### run the notebooks in JupyterLab and read the book, in Chromium (20 minutes)
	.venv-browser/bin/python -m pytest tests/browser -o addopts= -o python_files='browser_*.py' --confcutdir=tests/browser \
		--numprocesses=2 --dist=loadfile

# zh: 运行耗时的测试：一万个损坏的文件，一百万步训练（两小时）
stress: $(READY)  ### run the long tests: ten thousand damaged files, a million steps (two hours)
	$(BIN)/python -m pytest tests/stress -o addopts= -o python_files='stress_*.py'

# zh: 在辅助包里放进小错误，看它的测试能不能发现（最多半小时）
mutants: $(READY)  ### put small faults into the package, and see whether its tests notice (half an hour at most)
	$(BIN)/python tools/mutants.py

# zh: 和 Gluon、d2l、NumPy、PyTorch 比较速度（PyTorch 要下载几个 GB）
bench: $(BENCH)/.ready  ### compare the speed with Gluon, d2l, NumPy and PyTorch (PyTorch is a download of gigabytes)
	$(BENCH)/bin/python benchmarks/run.py

# zh: 查找不安全的代码，以及锁定的软件包的已知漏洞（要联网）
audit: $(AUDIT)/.ready  ### look for unsafe code, and for known vulnerabilities of the locked packages (needs a network)
	$(AUDIT)/bin/bandit --quiet --configfile pyproject.toml --recursive d2lhelpers tools benchmarks
	$(AUDIT)/bin/pip-audit --strict --require-hashes --disable-pip --requirement requirements.lock || { \
		echo "make: the code is clean; the packages have a vulnerability, or could not be compared (see above)." >&2; exit 1; }

# zh: 把保存的笔记本做成网页，放在 build/book
book: .venv-book/.ready  ## make web pages of the notebooks as they are stored, in build/book
	rm -rf build/book build/book-source
	$(foreach name,$(EDITIONS),$(call edition,$(name),$(if $(filter-out en,$(name)),$(name)/)))
	.venv-book/bin/python tools/archive.py build/book/d2l-chapter3.zip
	@echo "$(BOOK_$(SPOKEN))"

# zh: 不用浏览器运行每个笔记本，最后列成表；网页放在 build/
run: $(READY)  ## run every notebook without a browser, and end in a table; web pages go into build/
	$(BIN)/python tools/run_notebooks.py

# zh: 运行每个笔记本，并把输出保存在里面
store: $(READY)  ### execute every notebook and store its outputs in it
	$(BIN)/python tools/run_notebooks.py --store

# zh: 检查辅助包、测试和笔记本的代码风格，以及中文的标点和空格
lint: $(READY)  ### check the style of package, tests and notebooks, and how the Chinese is set
	$(BIN)/ruff check
	$(BIN)/python tools/lint_chinese.py

# zh: 收集要翻译的文字，编译译文，并从笔记本抄下练习的题目
catalogues: $(READY)  ### collect the texts that are translated, compile their translations, and copy the questions
	$(BIN)/python tools/catalogues.py
	$(BIN)/python tools/questions.py

# zh: 按 pyproject.toml 重新生成 requirements.lock
lock: | $(UV)  ### make requirements.lock anew from pyproject.toml
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(UV) pip compile --quiet --universal --generate-hashes --python-version $(OLDEST_PYTHON) \
		--group dev pyproject.toml --output-file requirements.lock
	@for group in book browser; do UV_CUSTOM_COMPILE_COMMAND="make lock" $(UV) pip compile --quiet --universal --generate-hashes \
		--python-version $(PYTHON) --group $$group --output-file requirements-$$group.lock || exit 1; done
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(UV) pip compile --quiet --no-deps --generate-hashes --python-version $(PYTHON) \
		--group d2lzh --output-file requirements-d2lzh.lock
	@for python in $(PYTHONS); do for platform in x86_64-manylinux_2_28 aarch64-manylinux_2_28 x86_64-apple-darwin; do \
		echo "wheels for CPython $$python, $$platform"; \
		$(UV) pip install --quiet --dry-run --require-hashes --only-binary :all: --python-version $$python \
			--python-platform $$platform --target build/none --requirement requirements.lock || exit 1; \
	done; done

# zh: 删除 make 生成的一切
clean:  ## remove all that make has made
	rm -rf .venv .venv-* .uv build .pytest_cache .ruff_cache d2lhelpers.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +

EDITIONS := en $(patsubst book/%/index.md,%,$(wildcard book/*/index.md))
# Make the pages of an edition of the book: $(1) is its name; $(2) is where it lies in book, in notebooks and in build/book.
define edition
	mkdir -p build/book-source/$(1)
	cp -R book/locale book/$(2)*.md notebooks/$(2)[0-9]*.ipynb notebooks/$(2)images build/book-source/$(1)
	.venv-book/bin/sphinx-build --quiet --fail-on-warning --keep-going --conf-dir book --tag $(1) \
		--doctree-dir build/book-source/.doctrees/$(1) build/book-source/$(1) build/book/$(2)

endef

# Refuse a Python that the package is not for; uv would do so only after a download, and at length. $(1) is a version, or
# the path or the name of an interpreter, which is asked for its version.
define refuse
	@version='$(1)'; \
	case "$$version" in [0-9]*) ;; *) version=$$("$$version" -c '$(VERSION)' 2>/dev/null) || { \
		echo "make: $(NO_PYTHON_$(SPOKEN))" >&2; \
		exit 1; };; esac; \
	minor=$$(echo "$$version" | sed -n 's/^3\.\([0-9][0-9]*\)\(\.[0-9]*\)*$$/\1/p'); \
	case " $(PYTHONS) " in *" 3.$$minor "*) exit 0;; esac; \
	case "$$version" in [12].*) why="$(TOO_OLD_$(SPOKEN))";; [4-9].*) why="$(TOO_NEW_$(SPOKEN))";; \
		*) why="$(NO_CPYTHON_$(SPOKEN))";; esac; \
	[ -z "$$minor" ] || if [ "$$minor" -lt $(OLDEST_PYTHON:3.%=%) ]; then why="$(TOO_OLD_$(SPOKEN))"; else why="$(TOO_NEW_$(SPOKEN))"; fi; \
	echo "make: $(REFUSED_$(SPOKEN))" >&2; \
	exit 1
endef
VERSION = import platform as p; print(p.python_implementation().replace("CPython", "") + ".".join(p.python_version_tuple()[:2]))

# Install this folder into the environment $(1), and the book's first package into a folder of its own there.
define own
	@$(UV) pip install --quiet --no-deps --no-build-isolation --python $(1)/bin/python --editable .
	@$(1)/bin/python -m compileall -q d2lhelpers d2lhelpers_startup.py
	@$(UV) pip install --quiet --no-deps --require-hashes --python $(1)/bin/python --target $(1)/d2lzh \
		--requirement requirements-d2lzh.lock
endef

# Build an environment: $(1) is its Python, $(2) a group of pyproject.toml that comes on top of the lock, if any.
define build
	$(call refuse,$(1))
	@echo "$(BUILDING_$(SPOKEN))"
	@$(UV) venv --quiet --clear --python $(1) $(@D) || { \
		echo "make: $(NOT_FETCHED_$(SPOKEN))" >&2; exit 1; }
	@$(UV) pip sync --quiet --require-hashes --compile-bytecode --python $(@D)/bin/python requirements.lock
	@$(if $(2),$(UV) pip install --quiet --python $(@D)/bin/python --group $(2))
	$(call own,$(@D))
	@touch $@
endef

# Of the Pythons that pyenv has installed, it shows only the chosen one; uv is to find them all.
%/.ready stress: export PYENV_VERSION = $(shell { pyenv version-name && pyenv versions --bare; } 2>/dev/null | paste -sd: -)

$(READY): requirements.lock pyproject.toml | $(UV)
	$(call build,$(PYTHON))

$(BENCH)/.ready: requirements.lock pyproject.toml | $(UV)
	$(call build,$(PYTHON),bench)

$(LOWEST)/.ready: requirements.lock pyproject.toml | $(UV)
	$(call build,$(OLDEST_PYTHON),lowest)

$(AUDIT)/.ready: pyproject.toml | $(UV)
	@echo "Building $(AUDIT) from the group audit ..."
	@$(UV) venv --quiet --clear --python $(PYTHON) $(AUDIT)
	@$(UV) pip install --quiet --python $(AUDIT)/bin/python --group audit
	@touch $@

.venv-%/.ready: requirements-%.lock | $(UV)
	@echo "Building .venv-$* from requirements-$*.lock ..."
	@$(UV) venv --quiet --clear --python $(PYTHON) .venv-$*
	@$(UV) pip sync --quiet --require-hashes --compile-bytecode --python .venv-$*/bin/python requirements-$*.lock
	@touch $@

.uv/bin/uv:
	@echo "$(UV_$(SPOKEN))"
	@python3 -m venv .uv && .uv/bin/python -m pip install --quiet "uv$(UV_NEEDED)" || { rm -rf .uv; \
		echo "make: $(NO_UV_$(SPOKEN))" >&2; exit 1; }
