/** Who may come in, and when: API keys, and the closed door while draining. Runs before a body is read. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { AerieError } from '../errors.ts'
import { ANONYMOUS, type ApiKeys } from './auth.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Probes answer without a key and while draining. */
    readonly probe?: boolean
    /** Answers while draining, so that the end can be watched. */
    readonly whileDraining?: boolean
    /** Answers without a key; the rest holds. */
    readonly open?: boolean
  }
}

export interface Access {
  /** Refuses new requests from now on; resolves when the last running one has been answered. */
  drain(): Promise<void>
  readonly draining: boolean
  /** Whether who came in by this request may still come in, and is still the same. Throws `invalid_api_key`. */
  readmit(request: FastifyRequest): void
}

export interface AccessOptions {
  /** Undefined: everybody may. */
  readonly apiKeys: ApiKeys | undefined
  /** Whether a request without a key is refused; one with a wrong key always is. */
  readonly requireApiKey: boolean
}

const MOST_LISTENERS = 20

export function controlAccess(app: FastifyInstance, options: AccessOptions): Access {
  const drained = Promise.withResolvers<void>()
  let draining = false
  let running = 0
  const settle = () => {
    if (draining && running === 0) drained.resolve()
  }
  app.addHook('onRequest', async (request, reply) => {
    const { probe = false, whileDraining = probe, open = probe } = request.routeOptions.config
    if (draining && !isUploading(request)) reply.header('connection', 'close')
    if (!open && !request.state.isInner) request.state.tenant = authenticate(request, options)
    if (draining && !whileDraining) {
      throw new AerieError('shutting_down', 'the server is draining and takes no new requests')
    }
    running++
    // A stream piped into an answer, Fastify and these hooks have eleven listeners, which Node would take for a leak.
    reply.raw.setMaxListeners(MOST_LISTENERS)
    reply.raw.once('close', () => {
      running--
      settle()
    })
  })
  return {
    get draining() {
      return draining
    },
    readmit(request) {
      if (authenticate(request, options) === request.state.tenant) return
      throw new AerieError('invalid_api_key', 'authorization: the key has another name now')
    },
    drain() {
      draining = true
      settle()
      return drained.promise
    },
  }
}

/** Whether so much may still be on its way that closing would break it off, and the client would not see the answer. */
function isUploading({ headers }: FastifyRequest): boolean {
  const { 'content-length': length = '0', 'transfer-encoding': encoding } = headers
  return encoding !== undefined || Number(length) > SMALL_BODY_BYTES
}

/** What comes with the head or lies in the buffers of both sides. */
const SMALL_BODY_BYTES = 16 * 1024

function authenticate({ headers }: FastifyRequest, options: AccessOptions): string {
  const { apiKeys, requireApiKey } = options
  const authorization = authorizationOf(headers)
  if (!apiKeys || (authorization === undefined && !requireApiKey)) return ANONYMOUS
  const name = apiKeys.nameOf(authorization)
  if (name !== undefined) return name
  const got = authorization === undefined ? 'nothing' : 'a key that is not known here'
  throw new AerieError(
    'invalid_api_key',
    `authorization: expected Bearer and an API key, or a key as x-api-key, got ${got}`,
  )
}

/** Anthropic's clients send a key by itself, in a header of its own. */
function authorizationOf(headers: FastifyRequest['headers']): string | undefined {
  const { authorization, 'x-api-key': key } = headers
  return authorization ?? (typeof key === 'string' ? `Bearer ${key}` : undefined)
}
