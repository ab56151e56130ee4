/** A document in a `file` part → its pages in the conversation: what is written on them, pictures of them, or both. */
import { AerieError } from '../errors.ts'
import type { DocumentPage, DocumentSource, LoadedDocument } from '../media/documents/contract.ts'
import type { Media } from '../media/types.ts'
import type { ChatMessage, ContentPart, DocumentSeen, FilePart } from './contract.ts'
import type { ServedModel } from './model.ts'
import { parsePages, selectPages } from './page-selection.ts'

export interface DocumentContext {
  readonly media: Pick<Media, 'documents' | 'release'>
  readonly model: Pick<ServedModel, 'id' | 'limits' | 'preprocessing'>
  readonly signal: AbortSignal
}

/** Who the document is, for the model and for people. */
export interface DocumentName {
  /** Undefined where the client gave none. */
  readonly filename: string | undefined
  readonly fileId: string | undefined
}

/** A document that is not read before all files of its request are known. */
export interface UnreadDocument {
  /** `maxTextBytes`: of what is written on all pages. */
  read(maxTextBytes: number): Promise<ContentPart[]>
  /** In place of reading. */
  release(): void
}

type DocumentContent = NonNullable<FilePart['content']>

/**
 * Opens it and finds out which pages are meant. Rejects as `Documents.open` does, with `invalid_request` for pages that there
 * are not, `media_too_large` for more than the model or the server takes, `unsupported_parameter`.
 */
export async function openDocument(
  source: DocumentSource,
  name: DocumentName,
  part: FilePart,
  context: DocumentContext,
): Promise<UnreadDocument> {
  const { media, model, signal } = context
  const content = contentOf(part, model)
  if (name.filename === undefined && content !== 'pictures') {
    const param = `${part.param}.filename`
    const what = 'expected the name of the document, which the model is told, got nothing'
    throw new AerieError('invalid_request', `${param}: ${what}`, { param })
  }
  const field = `${part.param}.pages`
  const ranges = part.pages === undefined ? undefined : parsePages(part.pages, field)
  const document = await media.documents.open(source, signal)
  try {
    const pages = selectPages(ranges, document.pageCount, field)
    checkCount(document, pages.length, content, context)
    return {
      read: (maxTextBytes) => read(document, { pages, content, maxTextBytes }, name, part, context),
      release: () => media.documents.release(document),
    }
  } catch (error) {
    media.documents.release(document)
    throw error
  }
}

/** What was seen of documents, in the order of their parts. */
export function documentsSeen(messages: readonly ChatMessage[]): DocumentSeen[] {
  const all = messages.flatMap(({ content }) => content.map((part) => documentOf(part)))
  return [...new Set(all.filter((document) => document !== undefined))]
}

function documentOf(part: ContentPart): DocumentSeen | undefined {
  return 'document' in part ? part.document : undefined
}

function readsPictures({ preprocessing, limits }: DocumentContext['model']): boolean {
  return preprocessing !== undefined && limits.maxImages > 0
}

/** What is asked for, or both where the model can see. */
function contentOf({ content, detail, param }: FilePart, model: DocumentContext['model']) {
  const canSee = readsPictures(model)
  const found: DocumentContent = content ?? (canSee ? 'both' : 'text')
  const refuse = (field: string, what: string): never => {
    const at = `${param}.${field}`
    throw new AerieError('unsupported_parameter', `${at}: ${what}`, { param: at })
  }
  if (found !== 'text' && !canSee) {
    refuse('content', `model ${model.id} reads no pictures; expected "text" or nothing`)
  }
  if (found === 'text' && detail !== undefined) {
    refuse('detail', 'expected none where no picture of the document is shown')
  }
  return found
}

function checkCount(
  { pageCount, param }: LoadedDocument,
  wanted: number,
  content: DocumentContent,
  { media, model }: DocumentContext,
): void {
  const { maxDocumentPages } = media.documents.limits
  const { maxImages } = model.limits
  const refuse = (what: string): never => {
    const asked = wanted === pageCount ? '' : `, ${wanted} of which are asked for`
    const message = `${param}: the document has ${pageCount} pages${asked}; ${what}`
    throw new AerieError('media_too_large', message, { param })
  }
  if (wanted > maxDocumentPages) {
    refuse(`at most ${maxDocumentPages} are read (maxDocumentPages); choose some with pages`)
  }
  if (content !== 'text' && wanted > maxImages) {
    const choice = `choose some with pages ("1-${maxImages}") or ask for content "text"`
    refuse(`model ${model.id} sees ${maxImages} pictures a request; ${choice}`)
  }
}

interface Reading {
  readonly pages: readonly number[]
  readonly content: DocumentContent
  readonly maxTextBytes: number
}

async function read(
  document: LoadedDocument,
  { pages: numbers, content, maxTextBytes }: Reading,
  { filename, fileId }: DocumentName,
  part: FilePart,
  { media, model, signal }: DocumentContext,
): Promise<ContentPart[]> {
  const { param, byteLength: bytes, sha256, pageCount } = document
  try {
    const reading = { pages: numbers, wantsText: content !== 'pictures', maxTextBytes }
    const pages = await media.documents.read(document, reading, signal)
    const withText = pages.filter(({ text }) => text !== '').length
    if (content === 'text' && withText === 0) {
      const way = readsPictures(model)
        ? 'ask for content "pictures"'
        : `model ${model.id} reads no pictures, which is what they are`
      const message = `${param}: nothing is written on the pages as text, a scan maybe; ${way}`
      throw new AerieError('unsupported_media', message, { param })
    }
    const seen: DocumentSeen = {
      param,
      ...(fileId !== undefined && { fileId }),
      ...{ filename, bytes, sha256, pageCount, content, pages: numbers, pagesWithText: withText },
    }
    const toText = (text: string): ContentPart => ({ type: 'text', text, param, document: seen })
    if (content === 'text') {
      media.documents.release(document)
      return [toText(between(filename!, pages).join(''))]
    }
    const pictures = media.documents.pictures(document, pages).map((loaded): ContentPart => {
      const detail = part.detail ?? 'auto'
      return { type: 'image', loaded, fileId, detail, param, document: seen }
    })
    if (content === 'pictures') return pictures
    return between(filename!, pages).flatMap((text, i) => [
      toText(text),
      ...pictures.slice(i, i + 1),
    ])
  } catch (error) {
    media.documents.release(document)
    throw error
  }
}

/**
 * The texts before, between and behind the pictures of the pages, each of which comes before what is written on its page:
 * DeepSeek's form of a file, with pages marked as it marks what a search has found.
 */
function between(filename: string, pages: readonly DocumentPage[]): string[] {
  const texts = [`[file name]: ${filename}\n[file content begin]\n`]
  for (const { number, text } of pages) {
    texts[texts.length - 1] += `[page ${number} begin]\n`
    texts.push(`${text === '' ? '' : `${text}\n`}[page ${number} end]\n`)
  }
  texts[texts.length - 1] += '[file content end]\n'
  return texts
}
