/** The part of a URL's check that needs no network: scheme, credentials, port, host list. */
import { domainToASCII } from 'node:url'
import { AerieError } from '../errors.ts'
import type { FetchLimits } from './types.ts'

/** Above 1024, what the Fetch Standard calls bad ports: other protocols that could be talked to by mistake. */
const BAD_PORTS = new Set([
  1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669,
  6679, 6697, 10080,
])

/**
 * Parses an http(s) URL as a browser does, so that octal, hexadecimal and Unicode spellings of a host become one, and
 * drops a trailing dot. Throws `media_fetch_failed`, saying which rule the URL breaks.
 */
export function checkUrl(
  text: string,
  limits: Pick<FetchLimits, 'allowHttp' | 'allowedHosts'>,
  param: string,
): URL {
  const refuse = (why: string): never => {
    throw new AerieError('media_fetch_failed', `${param}: ${why}`, { param })
  }
  if (!URL.canParse(text)) return refuse('not a URL; expected https:… or data:…')
  const url = new URL(text)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    return refuse(`URLs of scheme ${url.protocol} are not fetched; use https: or data:`)
  }
  if (url.protocol === 'http:' && !limits.allowHttp) {
    return refuse('plain http is refused (fetchAllowHttp); use https:')
  }
  if (url.username !== '' || url.password !== '') return refuse('a URL may not carry credentials')
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80))
  if ((port < 1024 && port !== 80 && port !== 443) || BAD_PORTS.has(port)) {
    return refuse(`port ${port} is refused; use 80, 443 or one from 1024 up`)
  }
  if (url.hostname.endsWith('.')) url.hostname = url.hostname.replace(/\.+$/, '')
  if (url.hostname === '') return refuse('the URL names no host')
  if (limits.allowedHosts.length > 0 && !isListed(url.hostname, limits.allowedHosts)) {
    return refuse(`host ${url.hostname} is not in fetchAllowedHosts`)
  }
  return url
}

/** `example.org` is that host alone, `*.example.org` every host below it. */
function isListed(host: string, allowed: readonly string[]): boolean {
  return allowed.some((entry) =>
    entry.startsWith('*.')
      ? host.endsWith(`.${domainToASCII(entry.slice(2))}`)
      : host === (domainToASCII(entry) || entry.toLowerCase()),
  )
}
