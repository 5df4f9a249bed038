# For CIs other than GitHub Actions. The base is named by digest when building, never by a tag that moves:
#
#     docker build --build-arg BASE=docker.io/library/python:3.13-slim@sha256:… -t ci-guard .
#     docker run --rm --network none --read-only -v "$PWD:/repo:ro" ci-guard lint
#
# With a folder `wheels/` (make wheels) the build needs no network at all.
ARG BASE
FROM ${BASE} AS build
WORKDIR /build
COPY requirements/ci.txt wheels* /build/wheels/
RUN mv wheels/ci.txt . \
    && python3 -I -m venv /opt/ci-guard/venv \
    && set -- wheels/*.whl \
    && if [ -e "$1" ]; then set -- --no-index --find-links wheels; else set --; fi \
    && PIP_CONFIG_FILE=/dev/null /opt/ci-guard/venv/bin/python -I -m pip install --quiet --no-cache-dir \
       --require-hashes --no-deps --only-binary :all: "$@" -r ci.txt
COPY rules /opt/ci-guard/rules
COPY ci_guard /opt/ci-guard/ci_guard
RUN /opt/ci-guard/venv/bin/python -I -c "import pathlib, sysconfig; \
      pathlib.Path(sysconfig.get_path('purelib'), 'ci-guard.pth').write_text('/opt/ci-guard\n')" \
    && printf '%s\n' '#!/bin/sh' 'exec /opt/ci-guard/venv/bin/python -I -m ci_guard "$@"' >/opt/ci-guard/ci-guard \
    && chmod 755 /opt/ci-guard/ci-guard \
    && /opt/ci-guard/venv/bin/python -I -m compileall -q /opt/ci-guard/ci_guard \
    && /opt/ci-guard/venv/bin/python -I -m pip uninstall --yes --quiet pip

FROM ${BASE}
COPY --from=build /opt/ci-guard /opt/ci-guard
RUN ln -s /opt/ci-guard/ci-guard /usr/local/bin/ci-guard
WORKDIR /repo
USER 65532:65532
ENTRYPOINT ["ci-guard"]
