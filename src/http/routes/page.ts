/** `/`, the playground, and its files. They need no key: what they ask the API for does. */
import { createHash } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AerieError } from '../../errors.ts'
import { type Coding, loadPageFiles, type PageFile, type PageFiles } from '../page-files.ts'

/**
 * Scripts and styles are files of this server, none stands in the page, and nothing is compiled of a text; the page speaks to this
 * server alone. Media that a person has chosen are `blob:`, as are frames of clips.
 */
const SECURITY_HEADERS = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' blob: data:",
    "media-src 'self' blob: data:",
    "connect-src 'self'",
    "form-action 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'permissions-policy':
    'camera=(), microphone=(), geolocation=(), display-capture=(), payment=(), usb=()',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
} as const

const FOR_EVER = 'public, max-age=31536000, immutable'

export function pageRoutes(app: FastifyInstance): void {
  let loading: Promise<PageFiles> | undefined
  const load = () => {
    loading ??= loadPageFiles().catch((error) => {
      loading = undefined
      throw error
    })
    return loading
  }
  // Beforehand, or the first visitor would wait for it.
  app.addHook('onListen', () => void load().catch((error) => app.log.error(error, 'no page')))

  app.get('/', { config: { open: true } }, async (request, reply) => {
    const { index } = await load()
    return send(request, reply, index, 'no-cache')
  })

  app.get<{ Params: { version: string; '*': string } }>(
    '/page/:version/*',
    { config: { open: true } },
    async (request, reply) => {
      const { version, files } = await load()
      const file = request.params.version === version && files.get(request.params['*'])
      // Of another version there is nothing: its modules would be half of one page and half of another.
      if (!file) throw new AerieError('not_found', 'no such file of the page; load / again')
      return send(request, reply, file, FOR_EVER)
    },
  )
}

function send(
  { headers }: FastifyRequest,
  reply: FastifyReply,
  { type, bodies }: PageFile,
  cacheControl: string,
): FastifyReply {
  const coding = chooseCoding(String(headers['accept-encoding'] ?? ''), bodies)
  const body = bodies[coding]!
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
  reply.headers(SECURITY_HEADERS)
  reply.headers({ 'cache-control': cacheControl, etag, vary: 'accept-encoding' })
  if (headers['if-none-match']?.split(/\s*,\s*/).includes(etag)) return reply.code(304).send()
  if (coding !== 'identity') reply.header('content-encoding', coding)
  return reply.type(type).send(body)
}

/** The smallest form that the client takes; `;q=0` is a no. */
function chooseCoding(accepted: string, bodies: PageFile['bodies']): Coding {
  const takes = (coding: string) =>
    accepted
      .toLowerCase()
      .split(',')
      .map((item) => item.trim().split(/\s*;\s*/))
      .some(([name, q]) => name === coding && !/^q=0(\.0*)?$/.test(q ?? ''))
  return (['br', 'gzip'] as const).find((coding) => bodies[coding] && takes(coding)) ?? 'identity'
}
