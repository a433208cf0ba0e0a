# JupyterLab with the notebooks, in a container: for Docker, for Binder, and for the dev container beside it.
# It is built for x86-64 or for ARM, whichever the machine is.
FROM python:3.11-slim-bookworm

# MXNet's wheel needs these libraries of GCC, and does not bring them along; on ARM it needs the first alone.
RUN apt-get update && \
    apt-get install --yes --no-install-recommends libgomp1 $([ "$(uname -m)" = aarch64 ] || echo libquadmath0) && \
    rm -rf /var/lib/apt/lists/*

# Binder sets these two.
ARG NB_USER=learner
ARG NB_UID=1000
RUN useradd --create-home --uid ${NB_UID} ${NB_USER} && \
    install --directory --owner=${NB_UID} /home/${NB_USER}/d2l
WORKDIR /home/${NB_USER}/d2l

COPY requirements.lock .
RUN pip install --no-cache-dir --require-hashes --no-deps --only-binary :all: --requirement requirements.lock

COPY --chown=${NB_UID} . .
RUN pip install --no-cache-dir --no-deps --no-build-isolation --editable .

# From here on nothing runs as root. There is no image unless all is well in it.
USER ${NB_USER}
RUN python -m d2lhelpers

EXPOSE 8888
CMD ["jupyter", "lab", "--no-browser", "--ServerApp.ip=0.0.0.0", "--ServerApp.root_dir=notebooks", \
     "--LabApp.default_url=/lab/tree/00_start_here.ipynb"]
