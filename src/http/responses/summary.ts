/**
 * The content of a `compaction` item: a summary in a form that clients hand back as it came. It is neither encrypted nor signed: it says
 * nothing that its client has not said or been told, and whoever makes one up has only written a message of the assistant.
 */
import { AerieError } from '../../errors.ts'

/** Says what made it; another form will have another one. */
const FORM = 'aerie-summary-1.'
const BASE64URL = /^[A-Za-z0-9_-]+$/
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function sealSummary(text: string): string {
  return FORM + Buffer.from(text).toString('base64url')
}

/** Throws `invalid_request` for what {@link sealSummary} did not make; `param` is where it stands. */
export function openSummary(content: string, param: string): string {
  const body = content.slice(FORM.length)
  if (!content.startsWith(FORM) || !BASE64URL.test(body)) throw notOurs(param)
  const bytes = Buffer.from(body, 'base64url')
  // As it was written, and no other spelling of it.
  if (bytes.toString('base64url') !== body) throw notOurs(param)
  try {
    return UTF8.decode(bytes)
  } catch (cause) {
    throw notOurs(param, cause)
  }
}

function notOurs(param: string, cause?: unknown): AerieError {
  const what = 'expected what /v1/responses/compact of Aerie has made, unchanged'
  return new AerieError('invalid_request', `${param}: ${what}`, { param, cause })
}
