# An image of leachwatch: docker build --tag leachwatch .
# How to run it, and by what timer: docs/scheduling.md. Nothing secret belongs in an image, nor in what builds one.
FROM python:3.11-slim-bookworm

# Build of torch: empty = the version in constraints.txt, in the build that pip chooses. Else pip's arguments, as with make;
# they can be read in the history of the image.
ARG TORCH=""

ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

# The wheel of rasterio takes libexpat from the system, and the slim image has none.
RUN apt-get update && apt-get install --yes --no-install-recommends libexpat1 && rm -rf /var/lib/apt/lists/*

# What it stands on is large and seldom changes, so it is a layer of its own, before the program.
WORKDIR /src
COPY pyproject.toml constraints.txt ./
RUN if [ -n "$TORCH" ]; then sed -i '/^torch==/d' constraints.txt && pip install --constraint constraints.txt $TORCH; fi \
 && python -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; e = p['optional-dependencies']; \
print(*p['dependencies'], *e['alerts'], *e['cluster'], sep='\n')" > requirements.txt \
 && pip install --constraint constraints.txt --requirement requirements.txt

COPY README.md ./
COPY aoi aoi
COPY backgrounds backgrounds
COPY configs configs
COPY models models
COPY pipeline pipeline
RUN pip install --no-deps . && rm -rf build ./*.egg-info

# Archive and products lie in /data. Whoever runs the image may be anybody, see --user in docs/scheduling.md.
RUN useradd --uid 1000 --home-dir /data --no-create-home leachwatch && install -d -o 1000 -g 1000 /data
WORKDIR /data
USER 1000:1000
RUN python -c "import pyogrio, rasterio, torch" && leachwatch aoi list
VOLUME ["/data"]
ENTRYPOINT ["leachwatch"]
CMD ["--help"]
