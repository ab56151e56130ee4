/** One PDF file in one PDFium: its pages' sizes, texts and pictures. Runs in decoder processes. */

import type { PictureSize } from '../../../models/tiling/layout.ts'
import { AerieError } from '../../errors.ts'
import type { Picture } from '../resample.ts'
import { MAX_HEAP_BYTES, Pdfium, PdfiumFailure } from './pdfium.ts'

/** `FPDF_GetLastError` (fpdfview.h). */
const ERRORS = { password: 4, security: 5 } as const
/** `FPDF_ANNOT`, `FPDF_REVERSE_BYTE_ORDER` (RGB) and `FPDF_RENDER_LIMITEDIMAGECACHE`. */
const DRAW = 0x01 | 0x10 | 0x200
/** `FPDFBitmap_BGRx`. */
const BITMAP = 3
const BYTES_PER_PIXEL = 4
const WHITE = 0xffffffff
/** `FLAT_NORMALDISPLAY`: as on a screen, not as printed. */
const ON_SCREEN = 0

/** Characters of a page that are read at a time, so that a page of a million of them needs no more memory than one. */
const TEXT_RUN = 65_536

export class PdfFile {
  readonly #pdfium: Pdfium
  readonly #document: number
  readonly #param: string
  readonly pageCount: number

  private constructor(pdfium: Pdfium, document: number, pageCount: number, param: string) {
    this.#pdfium = pdfium
    this.#document = document
    this.#param = param
    this.pageCount = pageCount
  }

  /** Throws `invalid_media` for damaged files, `unsupported_media` for encrypted ones, `media_too_large`. */
  static async open(bytes: Uint8Array, param: string): Promise<PdfFile> {
    const pdfium = await Pdfium.start()
    return inWords(param, () => {
      // PDFium reads from this memory until the end.
      const data = pdfium.run((f) => f._malloc(bytes.byteLength))
      if (data === 0) throw new PdfiumFailure(undefined, true)
      const document = pdfium.run((f) => {
        f.HEAPU8.set(bytes, data)
        return f._FPDF_LoadMemDocument(data, bytes.byteLength, 0)
      })
      if (document === 0)
        throw unopened(
          pdfium.run((f) => f._FPDF_GetLastError()),
          param,
        )
      const pageCount = pdfium.run((f) => f._FPDF_GetPageCount(document))
      if (pageCount < 1) throw invalid(param, 'the PDF document has no pages')
      return new PdfFile(pdfium, document, pageCount, param)
    })
  }

  /** Memory that PDFium has taken, which it never gives back. */
  get heapBytes(): number {
    return this.#pdfium.heapBytes
  }

  /** Of the page as it is seen, turned and cropped, in points (1/72 inch). Pages count from 1. */
  pageSize(page: number): PictureSize {
    return inWords(this.#param, () =>
      this.#pdfium.withMemory(8, (at) => {
        const isThere = this.#pdfium.run((f) =>
          f._FPDF_GetPageSizeByIndexF(this.#document, page - 1, at),
        )
        const [width, height] = this.#pdfium.run((f) => f.HEAPF32.slice(at / 4, at / 4 + 2))
        if (!isThere || !(width! > 0 && height! > 0)) throw unreadable(this.#param, page)
        return { width: width!, height: height! }
      }),
    )
  }

  /** What is written on the page, form fields and notes included; lines end in `\n`. `onBytes` is told of its bytes as they come, and may throw. */
  text(page: number, onBytes: (bytes: number) => void): string {
    const pieces: string[] = []
    inWords(this.#param, () =>
      this.#withPage(page, (loaded) => {
        const text = this.#pdfium.run((f) => f._FPDFText_LoadPage(loaded))
        if (text === 0) throw unreadable(this.#param, page)
        const characters = this.#pdfium.run((f) => f._FPDFText_CountChars(text))
        const decoder = new TextDecoder('utf-16le')
        for (let at = 0; at < characters; at += TEXT_RUN) {
          const count = Math.min(TEXT_RUN, characters - at)
          // A character may be two units.
          const units = 2 * count + 1
          this.#pdfium.withMemory(2 * units, (into) => {
            const written = this.#pdfium.run((f) => f._FPDFText_GetText(text, at, count, into))
            const bytes = this.#pdfium.run((f) =>
              f.HEAPU8.slice(into, into + 2 * Math.max(0, written - 1)),
            )
            const piece = cleaned(decoder.decode(bytes))
            onBytes(Buffer.byteLength(piece))
            pieces.push(piece)
          })
        }
        this.#pdfium.run((f) => f._FPDFText_ClosePage(text))
      }),
    )
    return pieces.join('').trimEnd()
  }

  /** The page on white, stretched to the size. */
  draw(page: number, { width, height }: PictureSize): Picture {
    return inWords(this.#param, () =>
      this.#withPage(page, (loaded) => {
        const stride = width * BYTES_PER_PIXEL
        return this.#pdfium.withMemory(stride * height, (pixels) => {
          this.#pdfium.run((f) => {
            const bitmap = f._FPDFBitmap_CreateEx(width, height, BITMAP, pixels, stride)
            f._FPDFBitmap_FillRect(bitmap, 0, 0, width, height, WHITE)
            f._FPDF_RenderPageBitmap(bitmap, loaded, 0, 0, width, height, 0, DRAW)
            f._FPDFBitmap_Destroy(bitmap)
          })
          const rgbx = this.#pdfium.run((f) => f.HEAPU8.subarray(pixels, pixels + stride * height))
          return { data: withoutFourth(rgbx), width, height }
        })
      }),
    )
  }

  #withPage<Result>(page: number, use: (loaded: number) => Result): Result {
    const loaded = this.#load(page)
    const result = use(loaded)
    this.#pdfium.run((f) => f._FPDF_ClosePage(loaded))
    return result
  }

  /**
   * A page whose form fields and notes have become part of it, so that they are drawn and read as all else is. PDFium gives
   * those that have no appearance one when it is about to draw them, which is why it first draws a pixel beside the page.
   */
  #load(page: number): number {
    const ready = this.#pdfium.run((f) => {
      const loaded = f._FPDF_LoadPage(this.#document, page - 1)
      if (loaded === 0 || f._FPDFPage_GetAnnotCount(loaded) === 0) return loaded
      const bitmap = f._FPDFBitmap_CreateEx(1, 1, BITMAP, 0, BYTES_PER_PIXEL)
      f._FPDF_RenderPageBitmap(bitmap, loaded, 9, 9, 1, 1, 0, DRAW)
      f._FPDFBitmap_Destroy(bitmap)
      f._FPDFPage_Flatten(loaded, ON_SCREEN)
      f._FPDF_ClosePage(loaded)
      return f._FPDF_LoadPage(this.#document, page - 1)
    })
    if (ready === 0) throw unreadable(this.#param, page)
    return ready
  }
}

/** PDFium's own failures as an error of the document. */
function inWords<Result>(param: string, work: () => Result): Result {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof PdfiumFailure)) throw error
    const options = { param, cause: error }
    if (error.isOutOfMemory) {
      const most = `${MAX_HEAP_BYTES / 2 ** 20} MiB`
      const message = `${param}: the PDF document needs more than ${most} of memory to be read`
      throw new AerieError('media_too_large', message, options)
    }
    throw new AerieError('invalid_media', `${param}: the PDF document cannot be read`, options)
  }
}

function unopened(error: number, param: string): AerieError {
  if (error === ERRORS.password || error === ERRORS.security) {
    const message = `${param}: the PDF document is encrypted; send one that opens without a password`
    return new AerieError('unsupported_media', message, { param })
  }
  return invalid(param, 'the PDF document is damaged or cut short')
}

function unreadable(param: string, page: number): AerieError {
  return invalid(param, `page ${page} of the PDF document is damaged`)
}

function invalid(param: string, what: string): AerieError {
  return new AerieError('invalid_media', `${param}: ${what}`, { param })
}

/** Line ends as everywhere else, words that were divided at the end of a line whole again, and none of the characters that no text has. */
function cleaned(text: string): string {
  return (
    text
      .replaceAll('\r\n', '\n')
      .replaceAll('\r', '\n')
      .replaceAll(/[ \t]+\n/g, '\n')
      // PDFium's word for a hyphen that it takes for one of typesetting.
      .replaceAll('\ufffe\n', '')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
      .replaceAll(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, '')
      .toWellFormed()
  )
}

/** `[pixels, 4]` → `[pixels, 3]`. */
function withoutFourth(rgbx: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((rgbx.length / 4) * 3)
  for (let from = 0, at = 0; from < rgbx.length; from += 4) {
    rgb[at++] = rgbx[from]!
    rgb[at++] = rgbx[from + 1]!
    rgb[at++] = rgbx[from + 2]!
  }
  return rgb
}
