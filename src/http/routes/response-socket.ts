/** `GET /v1/responses`: the handshake of a WebSocket over which responses are asked for one after the other. */
import type { IncomingMessage } from 'node:http'
import websocket from '@fastify/websocket'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AerieError } from '../../errors.ts'
import { describeValue } from '../describe.ts'
import type { ResponseSockets } from '../responses/sockets.ts'

const PATH = '/v1/responses'
/** RFC 6455, section 4.2.1: 16 bytes in base64. */
const KEY = /^[+/0-9A-Za-z]{22}==$/

/** Whether a request is to become a WebSocket. Clients offer other upgrades, as to HTTP/2, with ordinary requests, and these go on as such. */
export function asksForSocket({ method, url = '', headers }: IncomingMessage): boolean {
  const isHere = url === PATH || url.startsWith(`${PATH}?`)
  return isHere && method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket'
}

export async function responseSocketRoute(
  app: FastifyInstance,
  sockets: ResponseSockets,
  maxMessageBytes: number,
): Promise<void> {
  await app.register(websocket, {
    // Without compression: a small message cannot become a large one.
    options: { maxPayload: maxMessageBytes, perMessageDeflate: false },
    errorHandler: noteError,
    preClose: (done) => void sockets.dispose().then(() => done()),
  })
  const answers = new WeakMap<IncomingMessage, FastifyReply>()
  app.websocketServer.on('headers', (lines, raw) => {
    for (const name of ['x-request-id', 'traceresponse']) {
      const value = answers.get(raw)?.getHeader(name)
      if (value !== undefined) lines.push(`${name}: ${value}`)
    }
  })
  // Node has let go of a connection that asked for an upgrade. The library would close it, in the middle of the answer.
  app.addHook('onSend', async ({ raw }, reply) => {
    if (asksForSocket(raw)) reply.header('connection', 'close')
  })
  app.addHook('onResponse', async ({ raw, state }) => {
    if (asksForSocket(raw) && !state.isUpgraded) raw.socket.destroySoon()
  })
  app.route({
    ...{ method: 'GET', url: PATH, exposeHeadRoute: false },
    preHandler: async (request, reply) => {
      if (!request.ws) {
        const what = 'upgrade: expected a WebSocket; responses are made with POST'
        throw new AerieError('upgrade_required', what, { param: 'upgrade' })
      }
      request.ws = false
      requireHandshake(request)
      requireSameOrigin(request)
      sockets.takePlace(request)
      answers.set(request.raw, reply)
    },
    handler: () => {
      throw new Error('what is no WebSocket was refused before')
    },
    wsHandler(socket, request) {
      request.state.isUpgraded = true
      sockets.open(socket, request)
    },
  })
}

/** What the library would refuse without an envelope. */
function requireHandshake({ headers }: FastifyRequest): void {
  const { 'sec-websocket-key': key, 'sec-websocket-version': version } = headers
  if (version !== '13')
    throw invalid('sec-websocket-version', `"13", got ${describeValue(version)}`)
  if (typeof key !== 'string' || !KEY.test(key)) {
    throw invalid('sec-websocket-key', `16 bytes in base64, got ${describeValue(key)}`)
  }
}

/** Browsers let any page open a WebSocket anywhere, and say only from where: a server on this machine would serve all of them. */
function requireSameOrigin({ headers: { origin, host } }: FastifyRequest): void {
  if (origin === undefined) return
  if (URL.canParse(origin) && new URL(origin).host === host?.toLowerCase()) return
  const what = `expected none, or that of this server, got ${describeValue(origin)}`
  throw new AerieError('host_not_allowed', `origin: ${what}`, { param: 'origin' })
}

function invalid(param: string, expected: string): AerieError {
  return new AerieError('invalid_request', `${param}: expected ${expected}`, { param })
}

/** What broke the protocol is told by the line of the connection; the library closes it, with the code that RFC 6455 has for that. */
function noteError(
  error: Error & { readonly code?: string },
  _socket: unknown,
  request: FastifyRequest,
): void {
  if (!error.code?.startsWith('WS_ERR_')) return
  const isTooLarge = /MESSAGE_LENGTH|TOO_MANY/.test(error.code)
  request.state.code = isTooLarge ? 'request_too_large' : 'invalid_request'
}
