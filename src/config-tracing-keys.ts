/** The configuration keys of traces. */
import { Type } from 'typebox'
import { flag } from './config-key.ts'

export const tracingKeys = {
  tracing: flag(
    false,
    'Tracing',
    'Send a trace of each request to a collector of OpenTelemetry; OTEL_SDK_DISABLED=true says no.',
  ),
  traceEndpoint: Type.Optional(
    Type.String({
      minLength: 1,
      group: 'Tracing',
      defaultText: 'OTEL_EXPORTER_OTLP_ENDPOINT, or http://localhost:4318',
      description: 'URL of the collector, which speaks OTLP over HTTP; without a path, /v1/traces.',
    }),
  ),
  traceShare: Type.Optional(
    Type.Number({
      minimum: 0,
      maximum: 1,
      group: 'Tracing',
      defaultText: 'as OTEL_TRACES_SAMPLER says, or 1',
      description:
        'Share of the traces that begin here which are kept; others are as their parent.',
    }),
  ),
}
