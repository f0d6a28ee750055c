# vecmill in stages: portable x86-64 and arm64 (kernels are chosen at run time, never
# -march=native).
#   docker build -t vecmill .
#   docker run -p 8080:8080 -v vecmill:/data vecmill
# Built twice it is the same, to the bit, if DEBIAN is one image (a digest) and APT_SOURCES, lines
# of a sources.list with \n between, are of an archive that stands still: docs/operations.md.
ARG DEBIAN=bookworm-slim
ARG APT_SOURCES=

FROM debian:${DEBIAN} AS system
ARG APT_SOURCES
RUN if [ -n "$APT_SOURCES" ]; then \
        rm -f /etc/apt/sources.list.d/* && printf '%b\n' "$APT_SOURCES" >/etc/apt/sources.list; \
    fi

FROM system AS run
# useradd writes the day into /etc/shadow: chage takes it out.
RUN apt-get update && \
    apt-get install -y --no-install-recommends libmicrohttpd12 libjansson4 libgnutls30 zlib1g \
        libzstd1 libbz2-1.0 liblzma5 libxxhash0 libunistring2 libgomp1 && \
    find / -xdev -perm /6000 -type f -exec chmod a-s {} + && \
    groupadd -g 10001 vecmill && \
    useradd -u 10001 -g 10001 -M -d /data -s /usr/sbin/nologin vecmill && \
    chage -d -1 vecmill && mkdir /data && chown 10001:10001 /data && chmod 0700 /data && \
    rm -rf /var/lib/apt/lists/* /var/log/* \
        /var/cache/ldconfig /var/cache/apt /var/cache/debconf/*-old /var/lib/dpkg/*-old /etc/*-

FROM system AS build
RUN apt-get update && \
    apt-get install -y --no-install-recommends gcc libc6-dev cmake ninja-build pkg-config \
        libmicrohttpd-dev libjansson-dev libgnutls28-dev zlib1g-dev libzstd-dev libbz2-dev \
        liblzma-dev libxxhash-dev libunistring-dev python3 && \
    rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY CMakeLists.txt CMakePresets.json ./
COPY cmake cmake
COPY base base
COPY kernel kernel
COPY config config
COPY sampler sampler
COPY graph graph
COPY embedding embedding
COPY loss loss
COPY corpus corpus
COPY train train
COPY server server
COPY cli cli
COPY packaging packaging
RUN cmake --preset release -DVECMILL_TESTS=OFF && cmake --build --preset release
# What the image gets, with modes that do not depend on the umask of a checkout; and the list of
# the packages that it has.
COPY LICENSE ./
COPY scripts/make-sbom scripts/
COPY --from=run /var/lib/dpkg/status /run/root/var/lib/dpkg/status
ARG SOURCE_DATE_EPOCH=
RUN install -D -s -m 0755 build/release/vecmill /out/usr/local/bin/vecmill && \
    install -D -m 0644 LICENSE /out/usr/share/doc/vecmill/LICENSE && \
    python3 scripts/make-sbom /run/root >/run/sbom && \
    install -m 0644 /run/sbom /out/usr/share/doc/vecmill/sbom.cdx.json

FROM run
COPY --from=build /out/ /
USER 10001:10001
VOLUME /data
# Where no keys are given, the first start makes one: it is printed once, its hash stays in /data.
ENV VECMILL_LISTEN=0.0.0.0:8080 VECMILL_DATA=/data VECMILL_FIRST_KEY=true
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
    CMD ["/usr/local/bin/vecmill", "healthcheck"]
ARG REVISION=
LABEL org.opencontainers.image.title="vecmill" \
    org.opencontainers.image.version="0.1.0" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.description="Word2vec/NCE embedding trainer as a service" \
    org.opencontainers.image.licenses="Apache-2.0"
ENTRYPOINT ["/usr/local/bin/vecmill"]
CMD ["serve"]
