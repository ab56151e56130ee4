/** OpenTelemetry's own variables, as far as they are honoured, into settings: what was set for other programs holds here. */
import { AerieError } from './errors.ts'

/** What the variables say; undefined where they say nothing. */
export interface TracingEnvironment {
  readonly isDisabled: boolean
  /** Where traces are sent, with its path. */
  readonly url: string | undefined
  readonly protocol: 'http/protobuf' | 'http/json'
  /** For the collector, secrets among them. */
  readonly headers: Readonly<Record<string, string>>
  readonly sampling: { readonly isByParent: boolean; readonly share: number }
  readonly resource: Readonly<Record<string, string>>
  readonly serviceName: string | undefined
}

type Environment = Readonly<Record<string, string | undefined>>

const TRACES_PATH = 'v1/traces'

/**
 * https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ and
 * https://opentelemetry.io/docs/specs/otel/protocol/exporter/. Throws `invalid_config` for what cannot be used, which the
 * specification would have go on with a default.
 */
export function parseTracingEnvironment(env: Environment): TracingEnvironment {
  const read = (name: string) => env[name]?.trim() || undefined
  const ofTraces = (name: string) =>
    read(`OTEL_EXPORTER_OTLP_TRACES_${name}`) ?? read(`OTEL_EXPORTER_OTLP_${name}`)
  const base = read('OTEL_EXPORTER_OTLP_ENDPOINT')
  const exact = read('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT')
  const url =
    exact !== undefined
      ? checkUrl('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', exact)
      : base !== undefined
        ? `${checkUrl('OTEL_EXPORTER_OTLP_ENDPOINT', base).replace(/\/$/, '')}/${TRACES_PATH}`
        : undefined
  return {
    isDisabled: /^true$/i.test(read('OTEL_SDK_DISABLED') ?? ''),
    url,
    protocol: protocolOf(ofTraces('PROTOCOL')),
    headers: {
      ...pairs('OTEL_EXPORTER_OTLP_HEADERS', read('OTEL_EXPORTER_OTLP_HEADERS')),
      ...pairs('OTEL_EXPORTER_OTLP_TRACES_HEADERS', read('OTEL_EXPORTER_OTLP_TRACES_HEADERS')),
    },
    sampling: samplingOf(read('OTEL_TRACES_SAMPLER'), read('OTEL_TRACES_SAMPLER_ARG')),
    resource: pairs('OTEL_RESOURCE_ATTRIBUTES', read('OTEL_RESOURCE_ATTRIBUTES')),
    serviceName: read('OTEL_SERVICE_NAME'),
  }
}

/** The URL of a collector as people write it. */
export function tracesUrl(endpoint: string): string {
  const url = new URL(endpoint)
  if (url.pathname === '/') url.pathname = `/${TRACES_PATH}`
  return url.href
}

function protocolOf(protocol = 'http/protobuf'): TracingEnvironment['protocol'] {
  if (protocol === 'http/protobuf' || protocol === 'http/json') return protocol
  throw wrong('OTEL_EXPORTER_OTLP_PROTOCOL', 'http/protobuf or http/json', protocol)
}

const SAMPLERS = ['always_on', 'always_off', 'traceidratio'] as const

function samplingOf(
  sampler = 'parentbased_always_on',
  arg: string | undefined,
): TracingEnvironment['sampling'] {
  const [, parent, root] = /^(parentbased_)?(.*)$/.exec(sampler) ?? []
  const kind = SAMPLERS.find((one) => one === root)
  if (!kind) {
    const known = SAMPLERS.flatMap((one) => [one, `parentbased_${one}`]).join(', ')
    throw wrong('OTEL_TRACES_SAMPLER', `one of ${known}`, sampler)
  }
  const isByParent = parent !== undefined
  if (kind !== 'traceidratio') return { isByParent, share: kind === 'always_on' ? 1 : 0 }
  const share = Number(arg ?? 1)
  if (!(share >= 0 && share <= 1))
    throw wrong('OTEL_TRACES_SAMPLER_ARG', 'a number from 0 to 1', arg ?? '')
  return { isByParent, share }
}

/** `key=value,key=value`, percent-encoded as in W3C Baggage. */
function pairs(variable: string, text = ''): Record<string, string> {
  const parts = text.split(',').filter((part) => part.trim() !== '')
  return Object.fromEntries(
    parts.map((part, i) => {
      const at = part.indexOf('=')
      // Not repeated: it may be a secret that is misspelt.
      const nth = `something else as number ${i + 1}`
      if (at < 1) throw wrong(variable, 'key=value,key=value', nth, { isSaid: true })
      try {
        return [part.slice(0, at).trim(), decodeURIComponent(part.slice(at + 1).trim())]
      } catch {
        throw wrong(variable, 'percent-encoded values', nth, { isSaid: true })
      }
    }),
  )
}

function checkUrl(variable: string, text: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text
  throw wrong(variable, 'an http or https URL', text)
}

function wrong(
  variable: string,
  expected: string,
  got: string,
  { isSaid = false }: { readonly isSaid?: boolean } = {},
): AerieError {
  const what = isSaid ? got : `'${got.slice(0, 60)}'`
  const message = `environment variable ${variable}: expected ${expected}, got ${what}`
  return new AerieError('invalid_config', message)
}
