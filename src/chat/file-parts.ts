/** Files of a conversation → pictures, clips, sounds, texts and pages of documents: what is in a file decides, neither its name nor its purpose. */
import { AerieError } from '../errors.ts'
import type { FileStore, StoredFile } from '../files/contract.ts'
import { decodeDataUri } from '../media/data-uri.ts'
import { sniff } from '../media/sniff.ts'
import { inWindow } from '../picture-window.ts'
import type {
  ChatMessage,
  ContentPart,
  FiledSound,
  FiledVideo,
  FilePart,
  RequestMessage,
  SoundPart,
} from './contract.ts'
import { type DocumentContext, openDocument, type UnreadDocument } from './documents.ts'
import { adviceFor, adviceForType, isBinary, isText, toText } from './text-files.ts'
import { clipOfFile, openVideo, type StoredClip } from './video-files.ts'

export type ReadableFiles = Pick<FileStore, 'find' | 'read' | 'localPath'>

export interface FileContext extends DocumentContext {
  /** Undefined in a process that keeps no files. */
  readonly files: ReadableFiles | undefined
  readonly tenant: string
  /** Of the texts of all files of a request together: as much as a request could bring itself. */
  readonly maxTextBytes: number
}

const HEAD_BYTES = 4096
const TEXT_TYPES = {
  pattern: /^(text\/[\w.+-]+|application\/(json|jsonl|x-ndjson|ndjson|csv|xml|yaml|x-yaml))$/i,
  words: 'text/…, application/json or the like',
}
const PDF = 'a PDF document'
/** A text by its characters, and no prompt: what it describes is what is meant. */
const POSTSCRIPT = 'a PostScript document'

/**
 * The messages without files. Rejects with `not_found` for a file that is gone or another tenant's, `unsupported_media` for
 * what is neither picture, clip, sound, text nor document, `invalid_media` for texts that are not UTF-8, `request_too_large`, and as
 * `openDocument` does. Pages of documents are loaded pictures by then, and to be released as those are.
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
    content: message.content.flatMap((part) => (isFiled(part) ? opened.get(part)! : part)),
  }))
}

type Filed = FilePart | FiledVideo | FiledSound

function isFiled(part: ContentPart | Filed): part is Filed {
  return part.type === 'file' || part.type.startsWith('filed-')
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
): Promise<Map<Filed, readonly ContentPart[]>> {
  const { signal, maxTextBytes, media } = context
  const release = (found: ContentPart | UnreadText | UnreadDocument) => {
    if ('release' in found) found.release()
  }
  const found = await inWindow(
    parts,
    signal,
    async (part) => {
      if (part.type === 'filed-sound') return openSound(part, context)
      if (part.type !== 'file') return openVideo(part, videoFiles(context))
      const { file } = part
      if ('id' in file) return openStored(file.id, `${part.param}.file_id`, part, context)
      return 'url' in file ? openUrl(part, file, context) : openData(part, file, context)
    },
    release,
  )
  const fits = textCounter(maxTextBytes)
  try {
    for (const one of found) if ('byteLength' in one) fits(one.param, one.byteLength)
  } catch (error) {
    found.forEach(release)
    throw error
  }
  const read = await inWindow(
    found,
    signal,
    async (one) => {
      if ('byteLength' in one) return [await one.read()]
      if (!('read' in one)) return [one]
      const pages = await one.read(fits.left())
      for (const page of pages) {
        if (page.type === 'text') fits(page.param, Buffer.byteLength(page.text))
      }
      return pages
    },
    (contents) => releasePages(media, contents),
  ).catch((error) => {
    found.forEach(release)
    throw error
  })
  return new Map(parts.map((part, i) => [part, read[i]!]))
}

/** Adds up bytes of text. Throws `request_too_large` when there are more than there may be. */
function textCounter(maxTextBytes: number) {
  let textBytes = 0
  const add = (param: string, bytes: number) => {
    textBytes += bytes
    if (textBytes <= maxTextBytes) return
    const what = `expected texts of at most ${maxTextBytes} bytes together (maxBodyBytes)`
    throw new AerieError('request_too_large', `${param}: ${what}`, { param })
  }
  return Object.assign(add, { left: () => Math.max(0, maxTextBytes - textBytes) })
}

function releasePages(media: FileContext['media'], parts: readonly ContentPart[]): void {
  for (const part of parts) if ('loaded' in part) media.release(part.loaded)
}

async function findFile(id: string, param: string, { files, tenant }: FileContext) {
  const file = await files?.find(tenant, id)
  if (file && files) return { file, files }
  const what = `no file ${JSON.stringify(id.slice(0, 80))}; it was deleted, has expired or never was`
  throw new AerieError('not_found', `${param}: ${what}`, { param })
}

/** A file that is asked for as a clip or a sound: whether it is one, who decodes it says, as of data in the request. */
async function locateFile(id: string, param: string, context: FileContext): Promise<StoredClip> {
  const { file, files } = await findFile(id, param, context)
  const path = await naming(param, () => files.localPath(file, context.signal))
  return { fileId: id, path, byteLength: file.bytes }
}

async function openStored(
  id: string,
  param: string,
  /** Undefined for a file that is asked for as a frame. */
  part: FilePart | undefined,
  context: FileContext,
): Promise<ContentPart | UnreadText | UnreadDocument> {
  const { signal } = context
  const { file, files } = await findFile(id, param, context)
  return await naming(param, async () => {
    const head = await readBytes(files, file, Math.min(HEAD_BYTES, file.bytes))
    const kind = kindOf(head, param)
    if (kind === 'document' && part) {
      const from = { path: await files.localPath(file, signal), byteLength: file.bytes }
      const name = { filename: file.filename, fileId: id }
      return await openDocument({ from, param }, name, part, context)
    }
    if (part) refuseOptions(part, kind)
    if (kind === 'video' || kind === 'picture' || kind === 'sound') {
      const path = await files.localPath(file, signal)
      const stored = { fileId: id, path, byteLength: file.bytes }
      if (kind === 'video') return clipOfFile(stored, param)
      if (kind === 'sound') return { type: 'sound', from: stored, param }
      return { type: 'image', stored, detail: part?.detail ?? 'auto', param }
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
    clip: (fileId, param) => locateFile(fileId, param, context),
    async picture({ fileId, param }) {
      const part = await openStored(fileId, param, undefined, context)
      if ('type' in part && part.type === 'image') return part
      throw new AerieError('invalid_media', `${param}: the file is no picture`, { param })
    },
  }
}

/** A file that must be a sound; of a clip, its first sound track. */
async function openSound(
  { fileId, claim, param }: FiledSound,
  context: FileContext,
): Promise<SoundPart> {
  const from = await locateFile(fileId, param, context)
  return { type: 'sound', from, param, ...(claim && { claim }) }
}

/** Only documents are taken by URL here: a picture, a clip or a sound has a part of its own for that. */
async function openUrl(
  part: FilePart,
  { url, filename, param }: Extract<FilePart['file'], { url: string }>,
  context: FileContext,
): Promise<UnreadDocument> {
  const name = { filename: filename ?? nameOf(url), fileId: undefined }
  const from = /^\s*data:/i.test(url) ? { dataUri: url } : { url }
  return await openDocument({ from, param }, name, part, context)
}

const LONGEST_NAME = 255

/** The last of a URL's path, which is what a browser would call the file. */
function nameOf(url: string): string {
  const isPlace = URL.canParse(url) && !/^\s*data:/i.test(url)
  const last = isPlace ? new URL(url).pathname.split('/').at(-1) : undefined
  if (!last) return 'document.pdf'
  try {
    return decodeURIComponent(last).slice(0, LONGEST_NAME).toWellFormed()
  } catch {
    return last.slice(0, LONGEST_NAME) // a percent sign that stands for itself
  }
}

async function openData(
  part: FilePart,
  file: Extract<FilePart['file'], { data: string }>,
  context: FileContext,
): Promise<ContentPart | UnreadText | UnreadDocument> {
  const param = file.param ?? `${part.param}.file_data`
  const { filename } = file
  const data = typedUri(file.data, param)
  const [, type] = MEDIA_TYPE.exec(data) ?? []
  if (type === undefined) {
    throw new AerieError('invalid_request', `${param}: expected a data: URI`, { param })
  }
  if (/^image\//i.test(type)) {
    refuseOptions(part, 'picture')
    return { type: 'image', url: data, detail: part.detail ?? 'auto', param }
  }
  if (/^audio\//i.test(type)) {
    refuseOptions(part, 'sound')
    return { type: 'sound', from: { url: data }, param }
  }
  if (/^video\//i.test(type)) {
    refuseOptions(part, 'video')
    return clipOfFile({ url: data }, param)
  }
  if (/^application\/pdf$/i.test(type)) {
    const name = { filename, fileId: undefined }
    return await openDocument({ from: { dataUri: data }, param }, name, part, context)
  }
  if (!TEXT_TYPES.pattern.test(type)) {
    throw unsupported(param, `of media type ${type || 'none'}`, adviceForType(type))
  }
  refuseOptions(part, 'text')
  if (filename === undefined) {
    const what = 'expected the name of the text, which the model is told, got nothing'
    const field = `${part.param}.filename`
    throw new AerieError('invalid_request', `${field}: ${what}`, { param: field })
  }
  const maxBytes = data.length
  const bytes = decodeDataUri(data.trimStart(), { param, maxBytes, types: TEXT_TYPES })
  refuseNoText(bytes.subarray(0, HEAD_BYTES), param)
  const read = async () => toText(bytes, filename, param)
  return { param, byteLength: bytes.byteLength, read }
}

/** Of what programs send that do not know what they send. */
const UNKNOWN_TYPE = /^application\/octet-stream$/i
const MEDIA_TYPE = /^\s*data:\s*([^;,\s]{0,100})/i
const TYPES: Readonly<Record<Kind, string>> = {
  picture: 'image/unknown',
  video: 'video/unknown',
  sound: 'audio/unknown',
  document: 'application/pdf',
  text: 'text/plain',
}

/** The URI as it is, or with the media type of what its bytes begin as where it says none. */
function typedUri(data: string, param: string): string {
  const [head, type = ''] = MEDIA_TYPE.exec(data) ?? []
  if (head === undefined || !UNKNOWN_TYPE.test(type)) return data
  const comma = data.indexOf(',')
  if (!/;\s*base64\s*$/i.test(data.slice(head.length, Math.max(comma, 0)))) return data
  const digits = data.slice(comma + 1, comma + 1 + 2 * HEAD_BYTES)
  const kind = kindOf(Buffer.from(digits, 'base64').subarray(0, HEAD_BYTES), param)
  return `data:${TYPES[kind]}${data.slice(head.length)}`
}

/** What its media type calls a text, and is a document, or has characters that no text has. */
function refuseNoText(head: Uint8Array, param: string): void {
  const found = sniff(head)
  const isDocument = found.is === 'other' && found.name === PDF
  if (!isDocument && !isBinary(head)) return
  const what = isDocument ? PDF : 'no text in UTF-8 or UTF-16'
  const message = `${param}: data is ${what}, whatever its media type says`
  throw new AerieError('invalid_media', message, { param })
}

type Kind = 'picture' | 'video' | 'sound' | 'document' | 'text'

/** What the bytes begin as, also a picture that is not decoded here. */
function kindOf(head: Uint8Array, param: string): Kind {
  const found = sniff(head)
  if (found.is === 'picture') return 'picture'
  const name = found.is === 'other' ? found.name : undefined
  if (name === PDF) return 'document'
  // A table whose first word is BMI begins as a BMP picture does.
  if (isText(head) && name !== POSTSCRIPT) return 'text'
  if (found.is === 'video' || found.is === 'sound') return found.is
  if (found.is === 'unsupported') return 'picture'
  throw unsupported(param, found.name, adviceFor(head))
}

/** What can be said of documents is not passed over for other files. */
function refuseOptions({ param, pages, content, detail }: FilePart, kind: Kind): void {
  const refuse = (field: string, what: string): never => {
    const at = `${param}.${field}`
    throw new AerieError('unsupported_parameter', `${at}: ${what}`, { param: at })
  }
  if (pages !== undefined) refuse('pages', `only documents have pages; the file is a ${kind}`)
  if (content !== undefined) refuse('content', `for documents alone; the file is a ${kind}`)
  if (detail !== undefined && kind !== 'picture') {
    refuse('detail', `for pictures and documents; the file is a ${kind}`)
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

/** `what` reads well after "is". */
function unsupported(param: string, what: string, advice?: string): AerieError {
  const plain = `the file is ${what}; pictures, clips, sounds, PDF documents and texts in UTF-8 or UTF-16 are read`
  return new AerieError('unsupported_media', `${param}: ${advice ?? plain}`, { param })
}
