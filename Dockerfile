# The exporter and prefetchtool on an empty image: no shell, no root, nothing else.
#
#   docker build -t prefetch_exporter .
#
# The programs are built as for a release: the same commit gives the same bytes.
ARG GO_IMAGE=docker.io/library/golang:1.26.8-bookworm@sha256:a688600ca24f8a4d3ca77f95b0dd40704a9fc787c826660eb7ba0b641b8b175d

FROM --platform=$BUILDPLATFORM $GO_IMAGE AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS=linux
ARG TARGETARCH=amd64
ARG TARGETVARIANT=""
RUN make crossbuild PLATFORMS="$TARGETOS/$TARGETARCH$TARGETVARIANT" CROSS=/out && \
    mv /out/* /programs && install -d -m 0700 /state

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /programs/ /
# A volume over it takes its owner.
COPY --from=build --chown=65532:65532 /state /var/lib/prefetch_exporter
USER 65532:65532
EXPOSE 10186
VOLUME /var/lib/prefetch_exporter
ENTRYPOINT ["/prefetch_exporter"]
CMD ["--config.file=/etc/prefetch_exporter/config.yml", "--storage.path=/var/lib/prefetch_exporter"]
# For the health check: another one for --web.route-prefix, or https://.
ENV PREFETCH_EXPORTER_URL=http://127.0.0.1:10186
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
    CMD ["/prefetchtool", "healthy"]
