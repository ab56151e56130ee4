/** A form with one file (RFC 7578), read as it comes: fields in any order, the file straight to where it is kept. */
import multipart, { type Multipart, type MultipartFile } from '@fastify/multipart'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { AerieError } from '../errors.ts'
import { currentAccount } from '../limits/account.ts'
import { traced } from '../tracing/trace.ts'
import { joinField } from './describe.ts'

/** What the fields beside the file are, by name. */
export type FormFields = Readonly<Record<string, 'text' | 'list' | 'object'>>

/** Of everything but the file: names, values, boundaries. */
const MOST_FIELDS = 16
const MOST_FIELD_BYTES = 4096
/** What a form may have beside its file, roughly; a longer announced body is refused unread. */
export const FORM_BYTES = 1024 * 1024
const MOST_NAME_LENGTH = 255
/** How long the rest of a refused body is read, so that its sender sees the answer. */
const LINGER_MS = 5000

/** Has the routes of `scope` take forms and nothing else. */
export async function acceptForms(scope: FastifyInstance): Promise<void> {
  scope.removeAllContentTypeParsers()
  await scope.register(multipart, {
    throwFileSizeLimit: false,
    limits: {
      // One more than is allowed, so that the error can say which was too many.
      files: 2,
      fields: MOST_FIELDS,
      parts: MOST_FIELDS + 2,
      fieldSize: MOST_FIELD_BYTES,
      headerPairs: 32,
      // Counted where the bytes are kept.
      fileSize: Number.POSITIVE_INFINITY,
    },
  })
}

/**
 * Gives the file of the form to `receive` and returns the fields, with the file's name in `file`. Objects are spelt
 * `name[inner]`, as the official clients do, or are one JSON text, as OpenAPI has them; lists are `name[]` or `name`, once an
 * item. `known` are the fields that are no files. Rejects with `invalid_request` or `unknown_parameter` for what is no such form, with `cancelled`
 * when the client goes away, and with whatever `receive` rejects with.
 */
export async function readFileForm(
  request: FastifyRequest,
  known: FormFields,
  receive: (bytes: AsyncIterable<Uint8Array>) => Promise<void>,
): Promise<object> {
  const fields = new Map<string, unknown>()
  const parts = request.parts()
  try {
    const paid = await payAnnounced(request)
    for (;;) {
      const { value: part, done } = await parts.next().catch((error) => {
        throw formError(error, request)
      })
      if (done) break
      if (part.type === 'file') {
        const name = checkFile(part, fields, known)
        await traced('receive', {}, async (span) => {
          await receive(paid.counted(bytesOf(part, request)))
          span.set({ 'aerie.bytes': paid.bytes })
        })
        fields.set('file', name)
      } else addField(fields, part, known)
    }
    paid.settle()
  } catch (error) {
    discardRest(request)
    throw error
  }
  if (!fields.has('file')) throw invalid('file', 'expected a file, got nothing')
  return Object.fromEntries(
    [...fields].map(([name, value]) => [
      name,
      value instanceof Map ? Object.fromEntries(value) : value,
    ]),
  )
}

/** Bytes that the form says to have count before it is read, and what it has in truth behind; those of one that does not say as they come. */
async function payAnnounced({ headers }: FastifyRequest) {
  const account = currentAccount()
  const announced = Number(headers['content-length'] ?? 0)
  const taken = announced > 0 ? await account.take({ mediaBytes: announced }, FILE) : undefined
  let bytes = 0
  return {
    async *counted(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      let unpaid = 0
      for await (const piece of source) {
        bytes += piece.byteLength
        unpaid += piece.byteLength
        if (!taken && unpaid >= PAID_AT_ONCE) {
          await account.take({ mediaBytes: unpaid }, FILE)
          unpaid = 0
        }
        yield piece
      }
      if (!taken && unpaid > 0) await account.take({ mediaBytes: unpaid }, FILE)
    },
    settle: () => taken?.settle({ mediaBytes: bytes }),
    /** Of the file, so far. */
    get bytes() {
      return bytes
    },
  }
}

const FILE = { param: 'file' }
/** Of a form that comes without saying how long it is. */
const PAID_AT_ONCE = 256 * 1024

/** Reads on for a moment without looking; whoever goes on sending then is cut off. */
function discardRest({ raw }: FastifyRequest): void {
  if (raw.complete) return
  raw.unpipe()
  raw.resume()
  const linger = setTimeout(() => raw.destroy(), LINGER_MS).unref()
  raw.once('close', () => clearTimeout(linger))
}

async function* bytesOf(
  { file }: MultipartFile,
  request: FastifyRequest,
): AsyncGenerator<Uint8Array> {
  try {
    yield* file
  } catch (error) {
    throw formError(error, request)
  }
}

/** The file's name. Throws for a part that is not the file. */
function checkFile(
  part: MultipartFile,
  fields: ReadonlyMap<string, unknown>,
  known: FormFields,
): string {
  const { fieldname, filename, encoding } = part
  try {
    const param = nameOf(fieldname)
    if (param !== 'file') {
      const isKnown = Object.hasOwn(known, /^\w*/.exec(param)![0])
      throw isKnown ? invalid(param, 'expected a text, got a file') : unknown(param)
    }
    if (fields.has('file')) throw invalid(param, 'expected one file, got several')
    if (!/^(7bit|8bit|binary)$/.test(encoding)) {
      throw invalid(param, 'expected bytes as they are, got content-transfer-encoding')
    }
    if (!isFilename(filename)) {
      const what = `a file name of 1 to ${MOST_NAME_LENGTH} characters, none of them a control character`
      throw invalid(param, `expected ${what}`)
    }
    return filename
  } catch (error) {
    part.file.destroy()
    throw error
  }
}

function isFilename(name: string | undefined): name is string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return name !== undefined && name !== '' && name.length <= 255 && !/[\0-\x1f\x7f]/.test(name)
}

function addField(
  fields: Map<string, unknown>,
  part: Exclude<Multipart, MultipartFile>,
  known: FormFields,
): void {
  const { value, valueTruncated } = part
  const [, outer, inner] = /^(\w+)\[(\w*)\]$/.exec(nameOf(part.fieldname)) ?? []
  const name = outer ?? part.fieldname
  const param = inner === undefined ? joinField('', name) : joinField(name, inner)
  if (valueTruncated) throw invalid(param, `expected at most ${MOST_FIELD_BYTES} bytes`)
  if (param === 'file') throw invalid(param, 'expected a file with a name, got a text')
  const kind = Object.hasOwn(known, name) ? known[name] : undefined
  if (inner === undefined && kind !== 'list') {
    if (fields.has(name)) throw invalid(param, 'expected once, got several')
    fields.set(name, kind === 'object' ? fromJson(value, param) : value)
    return
  }
  if (inner === '' || inner === undefined) {
    const list = fields.get(name) ?? []
    if (!Array.isArray(list)) throw invalid(param, 'expected once, got several')
    fields.set(name, [...list, value])
    return
  }
  const nested = fields.get(name) ?? new Map<string, unknown>()
  if (!(nested instanceof Map) || nested.has(inner)) {
    throw invalid(param, 'expected once, got several')
  }
  fields.set(name, nested.set(inner, fromText(value)))
}

/** A text that begins as a JSON object does is one. */
function fromJson(value: unknown, param: string): unknown {
  if (typeof value !== 'string' || !/^\s*\{/.test(value)) return value
  try {
    return JSON.parse(value)
  } catch (cause) {
    throw new AerieError('invalid_request', `${param}: ${(cause as Error).message}`, {
      param,
      cause,
    })
  }
}

/** Numbers are digits in a form. */
function fromText(value: unknown): unknown {
  return typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : value
}

function nameOf(fieldname: string | undefined): string {
  if (fieldname === undefined || fieldname === '') {
    throw new AerieError('invalid_request', 'the form: a part has no name')
  }
  return fieldname
}

/** What the parser or the connection says. Its words are of a fixed list: nothing of the request is in them. */
function formError(error: unknown, { state }: FastifyRequest): unknown {
  if (state.signal.aborted) return new AerieError('cancelled', 'the client went away')
  if (!(error instanceof Error) || error instanceof AerieError) return error
  switch ((error as { code?: string }).code) {
    case 'FST_PARTS_LIMIT':
    case 'FST_FIELDS_LIMIT':
      return new AerieError('request_too_large', `the form: more than ${MOST_FIELDS} fields`)
    case 'FST_FILES_LIMIT':
      return invalid('file', 'expected one file, got several')
    case 'FST_PROTO_VIOLATION':
      return new AerieError('unknown_parameter', 'the form: a field has a name that no field has')
    case 'FST_INVALID_JSON_FIELD_ERROR':
      return new AerieError('invalid_request', 'the form: a field says that it is JSON and is not')
    case 'FST_MP_PREMATURE_CLOSE':
      return new AerieError('cancelled', 'the client went away')
    default:
      return new AerieError('invalid_request', `the form: ${error.message}`, { cause: error })
  }
}

function invalid(param: string, what: string): AerieError {
  return new AerieError('invalid_request', `${param}: ${what}`, { param })
}

function unknown(name: string): AerieError {
  const param = joinField('', name)
  return new AerieError('unknown_parameter', `${param}: unknown parameter`, { param })
}
