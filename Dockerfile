# A static binary on an empty base. Both images are arguments, for registries of your own
# and for digests, which make the whole of it reproducible:
#
#   docker buildx build --platform linux/amd64,linux/arm64 \
#     --build-arg GO_IMAGE=registry.example/golang:1.26.8@sha256:… \
#     --build-arg BASE_IMAGE=registry.example/distroless/static-debian12:nonroot@sha256:… \
#     --build-arg VERSION=v1.2.3 --build-arg REVISION=$(git rev-parse HEAD) \
#     --build-arg SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) \
#     --output type=image,push=true,rewrite-timestamp=true .
#
# The binary is the same whoever builds it, wherever, from the same commit: see
# docs/release.md. The base needs certificates of authorities and nothing else: no
# shell, no libc.
ARG GO_IMAGE=golang:1.26.8-bookworm
ARG BASE_IMAGE=gcr.io/distroless/static-debian12:nonroot

FROM --platform=$BUILDPLATFORM ${GO_IMAGE} AS build
ARG TARGETOS
ARG TARGETARCH
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download && go mod verify
# With .git, so that the binary knows its version.
COPY . .
RUN CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} \
    go build -trimpath -buildvcs=true -ldflags="-s -w" -o /out/authprober ./cmd/authprober \
 && mkdir /out/state

FROM ${BASE_IMAGE}
ARG VERSION=devel
ARG REVISION=unknown
LABEL org.opencontainers.image.title="authprober" \
      org.opencontainers.image.description="Probes the login flows of a mobile bank, and pages when they begin to fail" \
      org.opencontainers.image.source="https://github.com/authprober/authprober" \
      org.opencontainers.image.documentation="https://github.com/authprober/authprober/tree/main/docs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /out/authprober /usr/bin/authprober
COPY --from=build /src/LICENSE /src/NOTICE /usr/share/doc/authprober/
# A volume mounted here takes over the owner, so that the prober can write to it.
COPY --from=build --chown=65532:65532 /out/state /var/lib/authprober
# A number: Kubernetes can then see that it is not root.
USER 65532:65532
# Loopback, the default, is of no use inside.
ENV AUTHPROBER_LISTEN=:9870
EXPOSE 9870
# Runs in flight log out, then it ends: give it AUTHPROBER_GRACE and a little more.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["/usr/bin/authprober", "health"]
ENTRYPOINT ["/usr/bin/authprober"]
CMD ["run", "/etc/authprober"]
