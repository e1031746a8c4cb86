# syntax=docker/dockerfile:1
FROM python:3.12.12-slim-trixie

# Of PyTorch, for CLIP: --build-arg EXTRAS=ocr,torch. Ollama has the GPU, so it is that for the CPU,
# 200 MB and not 3 GB.
ARG EXTRAS=ocr
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu

# The volume over /data takes its owner from here. Weights of embedding models lie there too.
RUN useradd --create-home --uid 10001 sightline \
    && install --directory --owner=sightline --group=sightline /data
ENV SIGHTLINE_HOME=/data \
    HF_HOME=/data/weights \
    MPLCONFIGDIR=/tmp/matplotlib \
    PYTHONUNBUFFERED=1

WORKDIR /build
COPY pyproject.toml README.md LICENSE ./
COPY app app
COPY ingest ingest
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --extra-index-url "$TORCH_INDEX" ".[$EXTRAS]"

WORKDIR /data
USER sightline
ENTRYPOINT ["sightline"]
CMD ["doctor"]
