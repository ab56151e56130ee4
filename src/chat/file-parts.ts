/** Files of a conversation → pictures, clips and texts: what is in a file decides, neither its name nor its purpose. */
import { AerieError } from '../errors.ts'
import type { FileStore, StoredFile } from '../files/contract.ts'
import { decodeDataUri } from '../media/data-uri.ts'
import { sniff } from '../media/sniff.ts'
import { inWindow } from '../picture-window.ts'
import type { ChatMessage, ContentPart, FiledVideo, FilePart, RequestMessage } from './contract.ts'
import { clipOfFile, openVideo } from './video-files.ts'

export type ReadableFiles = Pick<FileStore, 'find' | 'read' | 'localPath'>

export interface FileContext {
  /** Undefined in a process that keeps no files. */
  readonly files: ReadableFiles | undefined
  readonly tenant: string
  /** Of the texts of all files of a request together: as much as a request could bring itself. */
  readonly maxTextBytes: number
  readonly signal: AbortSignal
}

const HEAD_BYTES = 4096
const TEXT_TYPES = {
  pattern: /^(text\/[\w.+-]+|application\/(json|jsonl|x-ndjson|ndjson|csv|xml|yaml|x-yaml))$/i,
  words: 'text/…, application/json or the like',
}
/** Texts by their characters, and no prompts: what they describe is what is meant. */
const DOCUMENTS = new Set(['a PDF document', 'a PostScript document'])
/** Characters that no text has; line ends, tabs and form feeds are not among them. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const BINARY = /[\0-\x08\x0e-\x1a\x1c-\x1f]/

/**
 * The messages without files. Rejects with `not_found` for a file that is gone or another tenant's, `unsupported_media` for
 * what is neither picture, clip nor text, `invalid_media` for texts that are not UTF-8, `request_too_large`.
 */
export async function openFiles(
  messages: readonly RequestMessage[],
  context: FileContext,
): Promise<ChatMessage[]> {
  const parts = messages.flatMap(({ content }) => content.filter(isFiled))
  if (parts.length === 0) return messages as ChatMessage[]
  const opened = await openParts(parts, context)
  return messages.map((message) => ({
    ...message,
    content: message.content.map((part) => (isFiled(part) ? opened.get(part)! : part)),
  }))
}

type Filed = FilePart | FiledVideo

function isFiled(part: ContentPart | Filed): part is Filed {
  return part.type === 'file' || part.type === 'filed-video' || part.type === 'filed-frames'
}

/** A text that is not read before all are known to fit. */
interface UnreadText {
  readonly param: string
  readonly byteLength: number
  read(): Promise<ContentPart>
}

async function openParts(
  parts: readonly Filed[],
  context: FileContext,
): Promise<Map<Filed, ContentPart>> {
  const { signal, maxTextBytes } = context
  const found = await inWindow(parts, signal, async (part) => {
    if (part.type !== 'file') return openVideo(part, videoFiles(context))
    const { file, param } = part
    return 'id' in file ? openStored(file.id, `${param}.file_id`, context) : openData(part, file)
  })
  let textBytes = 0
  for (const one of found) {
    if (!('read' in one)) continue
    textBytes += one.byteLength
    if (textBytes <= maxTextBytes) continue
    const { param } = one
    const what = `expected texts of at most ${maxTextBytes} bytes together (maxBodyBytes)`
    throw new AerieError('request_too_large', `${param}: ${what}`, { param })
  }
  const read = await inWindow(found, signal, async (one) => ('read' in one ? one.read() : one))
  return new Map(parts.map((part, i) => [part, read[i]!]))
}

async function openStored(
  id: string,
  param: string,
  { files, tenant, signal }: FileContext,
): Promise<ContentPart | UnreadText> {
  const file = await files?.find(tenant, id)
  if (!file || !files) {
    const what = `no file ${JSON.stringify(id.slice(0, 80))}; it was deleted, has expired or never was`
    throw new AerieError('not_found', `${param}: ${what}`, { param })
  }
  return await naming(param, async () => {
    const head = await readBytes(files, file, Math.min(HEAD_BYTES, file.bytes))
    if (sniff(head).is === 'video' && !isText(head)) {
      const path = await files.localPath(file, signal)
      return clipOfFile({ fileId: id, path, byteLength: file.bytes }, param)
    }
    if (isPicture(head, param)) {
      const path = await files.localPath(file, signal)
      const stored = { fileId: id, path, byteLength: file.bytes }
      return { type: 'image', stored, detail: 'auto', param }
    }
    const read = () =>
      naming(param, async () =>
        toText(await readBytes(files, file, file.bytes), file.filename, param),
      )
    return { param, byteLength: file.bytes, read }
  })
}

/** Files that must be clips, and pictures. */
function videoFiles(context: FileContext): Parameters<typeof openVideo>[1] {
  return {
    async clip(fileId, param) {
      const part = await openStored(fileId, param, context)
      if ('type' in part && part.type === 'video' && 'path' in part.from)
        return { ...part.from, fileId }
      throw new AerieError('invalid_media', `${param}: the file is no video`, { param })
    },
    async picture({ fileId, param }) {
      const part = await openStored(fileId, param, context)
      if ('type' in part && part.type === 'image') return part
      throw new AerieError('invalid_media', `${param}: the file is no picture`, { param })
    },
  }
}

function openData(
  { param: part }: FilePart,
  { data, filename }: Extract<FilePart['file'], { data: string }>,
): ContentPart | UnreadText {
  const param = `${part}.file_data`
  const [, type] = /^\s*data:\s*([^;,\s]{0,100})/i.exec(data) ?? []
  if (type === undefined) {
    throw new AerieError('invalid_request', `${param}: expected a data: URI`, { param })
  }
  if (/^image\//i.test(type)) return { type: 'image', url: data, detail: 'auto', param }
  if (/^video\//i.test(type)) return clipOfFile({ url: data }, param)
  if (!TEXT_TYPES.pattern.test(type)) throw unsupported(param, type || 'data of no media type')
  if (filename === undefined) {
    const what = 'expected the name of the text, which the model is told, got nothing'
    throw new AerieError('invalid_request', `${part}.filename: ${what}`, {
      param: `${part}.filename`,
    })
  }
  const maxBytes = data.length
  const bytes = decodeDataUri(data.trimStart(), { param, maxBytes, types: TEXT_TYPES })
  const read = async () => toText(bytes, filename, param)
  return { param, byteLength: bytes.byteLength, read }
}

/** Whether the bytes begin as a picture, also one that is not decoded here; false: as a text. */
function isPicture(head: Uint8Array, param: string): boolean {
  const found = sniff(head)
  if (found.is === 'picture') return true
  // A table whose first word is BMI begins as a BMP picture does.
  if (isText(head) && !(found.is === 'other' && DOCUMENTS.has(found.name))) return false
  if (found.is === 'unsupported') return true
  throw unsupported(param, found.name)
}

/** `head` may end in the middle of a character. */
function isText(head: Uint8Array): boolean {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true })
    return !BINARY.test(text)
  } catch {
    return false
  }
}

/** As DeepSeek publishes for its models: a form that several have been trained with, and that all can read. */
function toText(bytes: Uint8Array, filename: string, param: string): ContentPart {
  try {
    const content = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    const text = `[file name]: ${filename}\n[file content begin]\n${content}\n[file content end]\n`
    return { type: 'text', text, param }
  } catch (cause) {
    throw new AerieError('invalid_media', `${param}: the text is not UTF-8`, { param, cause })
  }
}

async function readBytes(files: ReadableFiles, file: StoredFile, bytes: number): Promise<Buffer> {
  if (bytes === 0) return Buffer.alloc(0)
  const pieces: Buffer[] = []
  for await (const piece of await files.read(file, { start: 0, end: bytes - 1 })) pieces.push(piece)
  return Buffer.concat(pieces)
}

/** A failure of the file room, as one of the part: a file may be deleted at any moment. */
async function naming<T>(param: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof AerieError) || error.param !== undefined) throw error
    throw new AerieError(error.code, `${param}: ${error.message}`, { param, cause: error })
  }
}

function unsupported(param: string, what: string): AerieError {
  const message = `${param}: files with ${what} are not supported; pictures, clips and texts in UTF-8 are`
  return new AerieError('unsupported_media', message, { param })
}
