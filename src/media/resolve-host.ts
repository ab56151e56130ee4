/** Host names → addresses. */
import { lookup, Resolver } from 'node:dns/promises'
import { isIP } from 'node:net'

/** Every address of a host, as text; empty where it has none. */
export type ResolveHost = (host: string, signal: AbortSignal) => Promise<readonly string[]>

/**
 * Asks DNS directly. Not the system's resolver: that blocks one of four threads which files and compression also need,
 * for as long as someone's slow name server likes.
 */
export const resolvePublicHost: ResolveHost = async (host, signal) => {
  const known = knownHost(host)
  if (known) return known
  const resolver = new Resolver({ timeout: 2000, tries: 2 })
  const cancel = () => resolver.cancel()
  signal.addEventListener('abort', cancel, { once: true })
  try {
    const answers = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)])
    signal.throwIfAborted()
    return answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
  } finally {
    signal.removeEventListener('abort', cancel)
  }
}

/** Asks the system: on a closed network names live in /etc/hosts and search domains. */
export const resolvePrivateHost: ResolveHost = async (host) => {
  const known = knownHost(host)
  if (known) return known
  const found = await lookup(host, { all: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.syscall === 'getaddrinfo') return []
    throw error
  })
  return found.map(({ address }) => address)
}

/** Literals, and the names that always mean this machine (RFC 6761 §6.3). */
function knownHost(host: string): readonly string[] | undefined {
  const bare = host.replace(/^\[|\]$/g, '')
  if (isIP(bare)) return [bare]
  return host === 'localhost' || host.endsWith('.localhost') ? ['127.0.0.1', '::1'] : undefined
}
