/** A collector of traces that keeps what it is sent: OTLP over HTTP, in protobuf and in JSON. */
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import protobuf from 'protobufjs'

/** opentelemetry/proto/trace/v1/trace.proto and what it needs, as far as anything here is sent. */
const PROTO = `
syntax = "proto3";
message Request { repeated ResourceSpans resource_spans = 1; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }
message Resource { repeated KeyValue attributes = 1; }
message ScopeSpans { Scope scope = 1; repeated Span spans = 2; }
message Scope { string name = 1; string version = 2; }
message Span {
  bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4;
  string name = 5; int32 kind = 6; fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8;
  repeated KeyValue attributes = 9; repeated Event events = 11; repeated Link links = 13; Status status = 15;
}
message Event { fixed64 time_unix_nano = 1; string name = 2; repeated KeyValue attributes = 3; }
message Link { bytes trace_id = 1; bytes span_id = 2; }
message Status { string message = 2; int32 code = 3; }
message KeyValue { string key = 1; AnyValue value = 2; }
message AnyValue {
  oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; ArrayValue array_value = 5; }
}
message ArrayValue { repeated AnyValue values = 1; }
`
const Request = protobuf.parse(PROTO).root.lookupType('Request')

export type AttributeValue = string | number | boolean | readonly AttributeValue[]

export interface ReceivedSpan {
  readonly traceId: string
  readonly spanId: string
  /** Undefined of a root. */
  readonly parentId: string | undefined
  readonly name: string
  /** 1 internal, 2 server. */
  readonly kind: number
  /** Milliseconds since 1970. */
  readonly start: number
  readonly end: number
  readonly attributes: Readonly<Record<string, AttributeValue>>
  readonly events: readonly { readonly name: string; readonly at: number }[]
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[]
  /** 2: an error. */
  readonly status: number
  readonly resource: Readonly<Record<string, AttributeValue>>
}

export interface OtlpReceiver extends AsyncDisposable {
  /** `http://host:port`. */
  readonly url: string
  readonly spans: ReceivedSpan[]
  readonly headers: IncomingMessage['headers'][]
  readonly paths: string[]
  /** Everything that was sent, as it came. */
  readonly bodies: Buffer[]
  /** Answers so from now on. */
  status: number
  /** Spans once one of them is as wanted; all of its trace that have come by then and a moment after. */
  trace(isRoot: (span: ReceivedSpan) => boolean): Promise<ReceivedSpan[]>
}

export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const server = createServer(async (request, response) => {
    const raw = await buffer(request)
    const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw
    receiver.headers.push(request.headers)
    receiver.paths.push(request.url ?? '')
    receiver.bodies.push(body)
    if (receiver.status < 300) {
      const type = request.headers['content-type']
      if (type === 'application/json') receiver.spans.push(...fromJson(JSON.parse(String(body))))
      else if (type === 'application/x-protobuf') receiver.spans.push(...fromProtobuf(body))
      else throw new Error(`content-type ${type}`)
    }
    response.writeHead(receiver.status).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const receiver: OtlpReceiver = {
    ...{ url: `http://127.0.0.1:${port}`, spans: [], headers: [], paths: [], bodies: [] },
    status: 200,
    async trace(isRoot) {
      const last = performance.now() + 60_000
      for (;;) {
        const root = receiver.spans.find(isRoot)
        if (root) {
          // A child may end a moment behind it, and go with the next batch.
          await delay(50)
          return receiver.spans.filter(({ traceId }) => traceId === root.traceId)
        }
        if (performance.now() > last) {
          const names = receiver.spans.map(({ name }) => name)
          throw new Error(`no such span among ${names.join(', ')}`)
        }
        await delay(10)
      }
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return receiver
}

interface WireAny {
  readonly stringValue?: string
  readonly boolValue?: boolean
  readonly intValue?: string | number
  readonly doubleValue?: number
  readonly arrayValue?: { readonly values?: readonly WireAny[] }
}
type WirePairs = readonly { readonly key: string; readonly value: WireAny }[]
interface WireSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes?: WirePairs
  readonly events?: readonly { readonly name: string; readonly timeUnixNano: string }[]
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[]
  readonly status?: { readonly code?: number }
}
interface WireRequest {
  readonly resourceSpans?: readonly {
    readonly resource?: { readonly attributes?: WirePairs }
    readonly scopeSpans?: readonly { readonly spans?: readonly WireSpan[] }[]
  }[]
}

function fromProtobuf(body: Uint8Array): ReceivedSpan[] {
  const message = Request.toObject(Request.decode(body), { longs: String, bytes: String })
  // Bytes come out as base64 and are written in hexadecimal digits in JSON.
  const hex = (text: string) => Buffer.from(text, 'base64').toString('hex')
  return spansOf(message as WireRequest, hex)
}

function fromJson(message: WireRequest): ReceivedSpan[] {
  return spansOf(message, (text) => text)
}

function spansOf({ resourceSpans = [] }: WireRequest, id: (text: string) => string) {
  return resourceSpans.flatMap(({ resource, scopeSpans = [] }) =>
    scopeSpans.flatMap(({ spans = [] }) =>
      spans.map((span): ReceivedSpan => {
        const parent = id(span.parentSpanId ?? '')
        return {
          traceId: id(span.traceId),
          spanId: id(span.spanId),
          parentId: parent === '' ? undefined : parent,
          name: span.name,
          kind: span.kind,
          start: milliseconds(span.startTimeUnixNano),
          end: milliseconds(span.endTimeUnixNano),
          attributes: attributesOf(span.attributes),
          events: (span.events ?? []).map(({ name, timeUnixNano }) => ({
            name,
            at: milliseconds(timeUnixNano),
          })),
          links: (span.links ?? []).map((link) => ({
            traceId: id(link.traceId),
            spanId: id(link.spanId),
          })),
          status: span.status?.code ?? 0,
          resource: attributesOf(resource?.attributes),
        }
      }),
    ),
  )
}

const milliseconds = (nanoseconds: string) => Number(BigInt(nanoseconds) / 1000n) / 1000

function attributesOf(pairs: WirePairs = []): Record<string, AttributeValue> {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, attributeOf(value)]))
}

function attributeOf(value: WireAny): AttributeValue {
  const { stringValue, boolValue, intValue, doubleValue, arrayValue } = value
  if (arrayValue) return (arrayValue.values ?? []).map(attributeOf)
  return stringValue ?? boolValue ?? (intValue === undefined ? doubleValue! : Number(intValue))
}
