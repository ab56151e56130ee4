import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseTracingEnvironment, tracesUrl } from '../../src/tracing-environment.ts'

test('nothing in the environment means the defaults of the specification', () => {
  assert.deepEqual(parseTracingEnvironment({}), {
    ...{ isDisabled: false, url: undefined, protocol: 'http/protobuf', headers: {}, resource: {} },
    ...{ sampling: { isByParent: true, share: 1 }, serviceName: undefined },
  })
})

test('the variables of the specification are honoured, those of traces before those of all', () => {
  const parsed = parseTracingEnvironment({
    OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector:4318/base/',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json',
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20abc, x=1',
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x=2',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=ward,region=eu%2Dwest',
    OTEL_SERVICE_NAME: 'radiology',
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0.25',
    OTEL_SDK_DISABLED: 'TRUE',
  })
  assert.deepEqual(parsed, {
    isDisabled: true,
    url: 'https://collector:4318/base/v1/traces',
    protocol: 'http/json',
    headers: { authorization: 'Bearer abc', x: '2' },
    resource: { 'deployment.environment.name': 'ward', region: 'eu-west' },
    sampling: { isByParent: true, share: 0.25 },
    serviceName: 'radiology',
  })
  const exact = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://c/x' }
  assert.equal(
    parseTracingEnvironment({ ...exact, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://d' }).url,
    'http://c/x',
  )
  for (const [sampler, isByParent, share] of [
    ['always_on', false, 1],
    ['always_off', false, 0],
    ['parentbased_always_off', true, 0],
    ['traceidratio', false, 1],
  ] as const)
    assert.deepEqual(parseTracingEnvironment({ OTEL_TRACES_SAMPLER: sampler }).sampling, {
      isByParent,
      share,
    })
})

test('what cannot be used is refused by name, and secrets are not repeated', () => {
  for (const [env, what] of [
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' }, /OTLP_ENDPOINT: expected an http or https/],
    [
      { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
      /PROTOCOL: expected http\/protobuf or http\/json, got 'grpc'/,
    ],
    [
      { OTEL_TRACES_SAMPLER: 'jaeger_remote' },
      /SAMPLER: expected one of always_on, .*'jaeger_remote'/,
    ],
    [
      { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '2' },
      /SAMPLER_ARG: expected a number from 0 to 1/,
    ],
    [{ OTEL_EXPORTER_OTLP_HEADERS: 'a=1,my-secret' }, /HEADERS: expected key=value.*number 2$/],
    [{ OTEL_EXPORTER_OTLP_HEADERS: 'a=%E0%A4%A' }, /HEADERS: expected percent-encoded/],
  ] as const)
    assert.throws(
      () => parseTracingEnvironment(env),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, 'invalid_config')
        assert.match(error.message, what)
        assert.doesNotMatch(error.message, /my-secret/)
        return true
      },
    )
})

test('an endpoint without a path is that of traces', () => {
  assert.equal(tracesUrl('http://jaeger:4318'), 'http://jaeger:4318/v1/traces')
  assert.equal(tracesUrl('http://jaeger:4318/otlp/v1/traces'), 'http://jaeger:4318/otlp/v1/traces')
})
