/** Documents, as the server has them: sources → pages, by way of the decoders. Nothing is read or drawn on this thread. */
import { AerieError } from '../../errors.ts'
import type { Claim } from '../byte-budget.ts'
import type { DecoderPool } from '../decoder-pool.ts'
import { type DocumentOpened, type PagesRead, unwrap } from '../decoder-protocol.ts'
import type { FetchFile } from '../fetch-file.ts'
import type { Entry } from '../gate.ts'
import type { ImageContent, LoadedImage, MediaLimits } from '../types.ts'
import type {
  DocumentLimits,
  DocumentPage,
  DocumentReading,
  DocumentSource,
  Documents,
  LoadedDocument,
} from './contract.ts'
import { checkDocumentBytes, pictureHeader } from './page-size.ts'

export interface DocumentOptions {
  readonly limits: DocumentLimits
  /** Of the pictures that pages become. */
  readonly pictureLimits: MediaLimits
  readonly pool: DecoderPool
  readonly fetch: FetchFile
  /** A number that decoders know something by. */
  newNumber(): number
  /** From here on the thing counts until it is released, or until the garbage collector finds it. */
  hold(held: LoadedDocument | LoadedImage, number: number, claim: Pick<Claim, 'release'>): void
  numberOf(document: LoadedDocument): number
  release(held: LoadedDocument | LoadedImage): void
}

/** Longer than any sensible `data:application/pdf;…;base64,`. */
const DATA_URI_PREFIX = 1000

/** Pages that one call reads: a decoder is not taken from the pictures of others for longer. */
const PAGES_A_CALL = 32

export function createDocuments(options: DocumentOptions): Documents {
  const { limits, pictureLimits, pool } = options
  const common = (param: string, picture: number) => ({
    ...{ picture, param, limits: pictureLimits, documents: limits },
  })

  async function open(
    { from, param }: DocumentSource,
    signal: AbortSignal,
  ): Promise<LoadedDocument> {
    // The file, and a copy of it in PDFium's memory; of a data: URI also the text.
    if ('path' in from) {
      checkDocumentBytes(from.byteLength, limits, param)
      const entry = { bytes: 2 * from.byteLength, mayExceed: false, signal }
      return await openContent({ from: 'path', body: from.path }, param, { entry, fetchMs: 0 })
    }
    if ('dataUri' in from) {
      const body = from.dataUri.trimStart()
      checkDataUri(body, limits, param)
      const entry = { bytes: 2 * body.length, mayExceed: false, signal }
      return await openContent({ from: 'data-uri', body }, param, { entry, fetchMs: 0 })
    }
    const { bytes: body, claim, fetchMs } = await options.fetch(from.url, param, signal)
    try {
      checkBegin(body, param)
      // These bytes are here already: refusing them now would only waste the fetch.
      const entry = { bytes: 2 * body.byteLength, mayExceed: true, signal }
      return await openContent({ from: 'file', body }, param, { entry, fetchMs })
    } finally {
      claim.release()
    }
  }

  async function openContent(
    content: ImageContent,
    param: string,
    { entry, fetchMs }: { readonly entry: Entry; readonly fetchMs: number },
  ): Promise<LoadedDocument> {
    const picture = options.newNumber()
    return await pool.run(
      { do: 'open-document', from: content.from, ...common(param, picture) },
      content.body,
      entry,
      ({ head }, { claim }) => {
        const { sha256, byteLength, pageCount } = unwrap<DocumentOpened>(head)
        const document = { content, byteLength, sha256, pageCount, fetchMs, param }
        claim.hold(content.body.length)
        options.hold(document, picture, claim)
        return document
      },
    )
  }

  async function read(
    document: LoadedDocument,
    { pages, wantsText, maxTextBytes }: DocumentReading,
    signal: AbortSignal,
  ): Promise<DocumentPage[]> {
    const { content, param } = document
    const found: DocumentPage[] = []
    let room = maxTextBytes
    for (let at = 0; at < pages.length; at += PAGES_A_CALL) {
      signal.throwIfAborted()
      const entry: Entry = { bytes: 2 * document.byteLength, mayExceed: true, signal }
      const some = pages.slice(at, at + PAGES_A_CALL)
      const read = await pool.run(
        {
          do: 'read-pages',
          from: content.from,
          ...common(param, options.numberOf(document)),
          ...{ pages: some, wantsText, maxTextBytes: room },
        },
        content.body,
        entry,
        ({ head, body }) => {
          room -= body.byteLength
          return withTexts(unwrap<PagesRead>(head), body)
        },
      )
      found.push(...read)
    }
    return found
  }

  function pictures(document: LoadedDocument, pages: readonly DocumentPage[]): LoadedImage[] {
    const { content, byteLength, sha256, fetchMs } = document
    let left = pages.length
    return pages.map(({ number, width, height }) => {
      const header = pictureHeader({ width, height })
      const bytes = { byteLength }
      const image: LoadedImage = { content, bytes, sha256, header, fetchMs, page: number }
      let isReleased = false
      const release = () => {
        if (isReleased) return
        isReleased = true
        left -= 1
        // Naming the document here keeps it, and so its claim, for as long as there are pages of it.
        if (left === 0) options.release(document)
      }
      options.hold(image, options.numberOf(document), { release })
      return image
    })
  }

  return { limits, open, read, pictures, release: (document) => options.release(document) }
}

/** PDFium and the readers of others look for it in this many bytes. */
const HEAD_BYTES = 1024

/** A page that says where the document was, or that one has to log in, is no damaged document. Throws `unsupported_media`. */
function checkBegin(bytes: Uint8Array, param: string): void {
  if (Buffer.from(bytes.subarray(0, HEAD_BYTES)).includes('%PDF-')) return
  const what = 'what the URL gave is no PDF document, which is all that is fetched as a document'
  throw new AerieError('unsupported_media', `${param}: ${what}`, { param })
}

/** Three characters a byte is the most that any data URI needs; the decoder counts exactly. */
function checkDataUri(uri: string, { maxDocumentBytes }: DocumentLimits, param: string): void {
  if (uri.length > 3 * maxDocumentBytes + DATA_URI_PREFIX) {
    const message = `${param}: data URI has ${uri.length} characters, maxDocumentBytes is ${maxDocumentBytes}`
    throw new AerieError('media_too_large', message, { param })
  }
  if (Buffer.byteLength(uri) !== uri.length) {
    throw new AerieError('invalid_media', `${param}: data URI has a character beyond ASCII`, {
      param,
    })
  }
}

function withTexts({ pages }: PagesRead, body: Uint8Array): DocumentPage[] {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  let at = 0
  return pages.map(({ textBytes, ...page }) => {
    const text = bytes.toString('utf8', at, at + textBytes)
    at += textBytes
    return { ...page, text }
  })
}
