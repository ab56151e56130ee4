/** What a decoder process does with documents: hash, count, read, draw. It keeps the one that it saw last, while that is small. */
import { createHash } from 'node:crypto'
import { AerieError } from '../../errors.ts'
import { decodeDataUri } from '../data-uri.ts'
import type {
  DocumentCall,
  DocumentOpened,
  Keeping,
  PageHead,
  PagesRead,
} from '../decoder-protocol.ts'
import { checkHeader } from '../limits.ts'
import type { Picture } from '../resample.ts'
import { checkDocumentBytes, drawnSize, pictureHeader } from './page-size.ts'
import { PdfFile } from './pdf-file.ts'
import { PdfiumFailure } from './pdfium.ts'

/** WebAssembly's memory never shrinks: a process that has more of it is replaced rather than kept so large. */
const MAX_KEPT_HEAP_BYTES = 192 * 2 ** 20

const PDF_TYPES = { pattern: /^application\/pdf$/i, words: 'application/pdf' }

export class DecoderDocuments {
  #kept: { readonly picture: number; readonly file: PdfFile } | undefined
  #isSpent = false

  /** PDFium failed here or took much memory; the garbage collector gives neither back for sure, and the end of the process does. */
  get isSpent(): boolean {
    return this.#isSpent
  }

  /** Has `use` work with the document of the call, the kept one or what `unpack` brings, and keeps it if it can. */
  async use<Result>(
    { picture, from, param }: DocumentCall,
    unpack: () => Promise<Uint8Array>,
    use: (file: PdfFile) => Result,
  ): Promise<{ readonly result: Result } & Keeping> {
    const last = this.#kept
    this.#kept = undefined
    if (from === 'kept' && last?.picture !== picture) {
      throw new Error(`document ${picture} is not kept`)
    }
    try {
      const file = from === 'kept' ? last!.file : await PdfFile.open(await unpack(), param)
      const result = use(file)
      this.#isSpent = file.heapBytes > MAX_KEPT_HEAP_BYTES
      if (!this.#isSpent) this.#kept = { picture, file }
      return { result, kept: !this.#isSpent, spent: this.#isSpent }
    } catch (error) {
      this.#isSpent = error instanceof AerieError && error.cause instanceof PdfiumFailure
      throw error
    }
  }

  /** Something else is to be done: the document's memory is worth more than the chance that it is asked for again. */
  forget(): void {
    this.#kept = undefined
  }
}

/** Bytes of a data: URI that holds a document. */
export function documentOfDataUri(text: string, call: DocumentCall): Uint8Array {
  const { param, documents } = call
  // How large it is was bounded by its characters; how large a document may be has words of its own.
  const bytes = decodeDataUri(text, { param, maxBytes: text.length, types: PDF_TYPES })
  checkDocumentBytes(bytes.byteLength, documents, param)
  return bytes
}

export function opened(bytes: Uint8Array, file: PdfFile): Omit<DocumentOpened, keyof Keeping> {
  return {
    sha256: createHash('sha256').update(bytes).digest('hex'),
    byteLength: bytes.byteLength,
    pageCount: file.pageCount,
  }
}

/** Sizes in pixels, and texts one behind the other in UTF-8. Throws `request_too_large`. */
export function readPages(
  { pages, wantsText, maxTextBytes, limits, param }: Extract<DocumentCall, { do: 'read-pages' }>,
  file: PdfFile,
): { readonly head: Omit<PagesRead, keyof Keeping>; readonly body: Uint8Array } {
  let textBytes = 0
  const onBytes = (bytes: number) => {
    textBytes += bytes
    if (textBytes <= maxTextBytes) return
    const what = `expected texts of at most ${maxTextBytes} bytes together (maxBodyBytes)`
    throw new AerieError('request_too_large', `${param}: ${what}`, { param })
  }
  const heads: PageHead[] = []
  const texts: Buffer[] = []
  for (const number of pages) {
    const size = drawnSize(file.pageSize(number))
    checkHeader(pictureHeader(size), limits, param, `page ${number}`)
    const text = Buffer.from(wantsText ? file.text(number, onBytes) : '')
    texts.push(text)
    heads.push({ number, ...size, textBytes: text.byteLength })
  }
  return { head: { pages: heads }, body: Buffer.concat(texts) }
}

export function drawPage(
  { page, header }: Extract<DocumentCall, { do: 'prepare-page' }>,
  file: PdfFile,
): { readonly picture: Picture; readonly conversions: readonly string[] } {
  const { width, height } = header
  const conversions = [`page ${page} of ${file.pageCount} drawn at ${width}×${height}`]
  return { picture: file.draw(page, header), conversions }
}
