# vecmill in two stages: portable x86-64 and arm64 (kernels are chosen at run time, never
# -march=native).
#   docker build -t vecmill .
#   docker run -p 8080:8080 -v vecmill:/data vecmill
ARG DEBIAN=bookworm-slim

FROM debian:${DEBIAN} AS build
RUN apt-get update && \
    apt-get install -y --no-install-recommends gcc libc6-dev cmake ninja-build pkg-config \
        libmicrohttpd-dev libjansson-dev libgnutls28-dev zlib1g-dev libzstd-dev libbz2-dev \
        liblzma-dev libxxhash-dev libunistring-dev && \
    rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY CMakeLists.txt CMakePresets.json ./
COPY cmake cmake
COPY base base
COPY kernel kernel
COPY config config
COPY sampler sampler
COPY embedding embedding
COPY loss loss
COPY corpus corpus
COPY train train
COPY server server
COPY cli cli
COPY packaging packaging
RUN cmake --preset release -DVECMILL_TESTS=OFF && cmake --build --preset release && \
    strip build/release/vecmill

FROM debian:${DEBIAN}
RUN apt-get update && \
    apt-get install -y --no-install-recommends libmicrohttpd12 libjansson4 libgnutls30 zlib1g \
        libzstd1 libbz2-1.0 liblzma5 libxxhash0 libunistring2 libgomp1 && \
    find / -xdev -perm /6000 -type f -exec chmod a-s {} + && \
    rm -rf /var/lib/apt/lists/* /var/log/* \
        /var/cache/ldconfig /var/cache/apt /var/cache/debconf/*-old /var/lib/dpkg/*-old /etc/*-
COPY --from=build /src/build/release/vecmill /usr/local/bin/vecmill
COPY LICENSE /usr/share/doc/vecmill/LICENSE
RUN groupadd -g 10001 vecmill && \
    useradd -u 10001 -g 10001 -M -d /data -s /usr/sbin/nologin vecmill && mkdir /data && \
    chown 10001:10001 /data && chmod 0700 /data && rm -f /etc/*- /var/log/*
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
