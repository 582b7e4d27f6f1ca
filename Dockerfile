# A static binary on an empty base. Both images are arguments, for registries of your own:
#
#   docker build --build-arg GO_IMAGE=registry.example/golang:1.26 \
#                --build-arg BASE_IMAGE=registry.example/distroless/static:nonroot .
#
# The base needs certificates of authorities and nothing else: no shell, no libc.
ARG GO_IMAGE=golang:1.26
ARG BASE_IMAGE=gcr.io/distroless/static-debian12:nonroot

FROM --platform=$BUILDPLATFORM ${GO_IMAGE} AS build
ARG TARGETOS
ARG TARGETARCH
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
# With .git, so that the binary knows its version.
COPY . .
RUN CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} go build -trimpath -o /out/authprober ./cmd/authprober \
 && mkdir /out/state

FROM ${BASE_IMAGE}
COPY --from=build /out/authprober /usr/bin/authprober
# A volume mounted here takes over the owner, so that the prober can write to it.
COPY --from=build --chown=65532:65532 /out/state /var/lib/authprober
# A number: Kubernetes can then see that it is not root.
USER 65532:65532
# Loopback, the default, is of no use inside.
ENV AUTHPROBER_LISTEN=:9870
EXPOSE 9870
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["/usr/bin/authprober", "health"]
ENTRYPOINT ["/usr/bin/authprober"]
CMD ["run", "/etc/authprober"]
