/**
 * PDFium in WebAssembly, a fresh one for each document: the only file that loads it. Runs in decoder processes, never in
 * the server. A document that corrupts PDFium's memory corrupts its own; what it reads and writes are bytes of that memory,
 * as the program has neither files nor sockets. There is no JavaScript engine in it, and no XFA.
 */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

/** What is used of the C interface (fpdfview.h, fpdf_text.h, fpdf_annot.h, fpdf_flatten.h); handles and pointers are numbers. */
export interface PdfiumFunctions {
  readonly HEAPU8: Uint8Array
  readonly HEAPF32: Float32Array
  _malloc(bytes: number): number
  _free(pointer: number): void
  _FPDF_InitLibrary(): void
  _FPDF_LoadMemDocument(data: number, bytes: number, password: number): number
  _FPDF_GetLastError(): number
  _FPDF_GetPageCount(document: number): number
  /** Writes width and height in points. */
  _FPDF_GetPageSizeByIndexF(document: number, index: number, size: number): number
  _FPDF_LoadPage(document: number, index: number): number
  _FPDF_ClosePage(page: number): void
  _FPDFPage_GetAnnotCount(page: number): number
  _FPDFPage_Flatten(page: number, usage: number): number
  _FPDFText_LoadPage(page: number): number
  _FPDFText_ClosePage(text: number): void
  _FPDFText_CountChars(text: number): number
  /** UTF-16, little-endian, with a NUL behind it; returns characters with the NUL. */
  _FPDFText_GetText(text: number, start: number, count: number, into: number): number
  _FPDFBitmap_CreateEx(
    width: number,
    height: number,
    format: number,
    pixels: number,
    stride: number,
  ): number
  _FPDFBitmap_FillRect(
    bitmap: number,
    left: number,
    top: number,
    width: number,
    height: number,
    argb: number,
  ): void
  _FPDFBitmap_Destroy(bitmap: number): void
  _FPDF_RenderPageBitmap(
    bitmap: number,
    page: number,
    left: number,
    top: number,
    width: number,
    height: number,
    turns: number,
    flags: number,
  ): void
}

/** Memory that one document may have PDFium take: its file, decoded pictures, fonts, the drawn page. */
export const MAX_HEAP_BYTES = 512 * 2 ** 20

/** Emscripten takes up to 96 MiB more than it was asked for, so that it is not asked again soon. */
const OVERGROWTH = 96 * 2 ** 20

/** What went wrong inside PDFium: it aborted, trapped, or had no more memory. The instance is of no more use. */
export class PdfiumFailure extends Error {
  readonly isOutOfMemory: boolean

  constructor(cause: unknown, isOutOfMemory: boolean) {
    super(isOutOfMemory ? 'PDFium has no more memory' : 'PDFium failed', { cause })
    this.isOutOfMemory = isOutOfMemory
  }
}

/** Compiled once a process, when the first document comes. */
let program: Promise<WebAssembly.Module> | undefined

async function compile(): Promise<WebAssembly.Module> {
  const file = fileURLToPath(import.meta.resolve('@hyzyla/pdfium/pdfium.wasm'))
  return await WebAssembly.compile(await readFile(file))
}

/** One instance with a memory of its own. */
export class Pdfium {
  readonly #functions: PdfiumFunctions
  #wasRefused = false

  private constructor(functions: PdfiumFunctions) {
    this.#functions = functions
  }

  static async start(): Promise<Pdfium> {
    const { PDFiumModule } = await import('@hyzyla/pdfium')
    program ??= compile()
    const module = await program
    let pdfium: Pdfium | undefined
    const functions = await PDFiumModule({
      instantiateWasm: (imports, done) => {
        const { env } = imports
        const grow = env!['emscripten_resize_heap'] as (bytes: number) => number
        const growWithin = (bytes: number) => {
          if (bytes >>> 0 <= MAX_HEAP_BYTES - OVERGROWTH) return grow(bytes)
          if (pdfium) pdfium.#wasRefused = true
          return 0
        }
        const bounded = { ...imports, env: { ...env, emscripten_resize_heap: growWithin } }
        const instance = new WebAssembly.Instance(module, bounded)
        // Declared to take the module; Emscripten takes the instance first.
        done(instance as unknown as WebAssembly.Module)
        return instance.exports
      },
      // It talks of leaks and aborts; what matters is thrown.
      ...{ print: () => {}, printErr: () => {} },
    })
    // The package declares what its own classes use; the program exports every function of the C interface.
    pdfium = new Pdfium(functions as unknown as PdfiumFunctions)
    pdfium.run((f) => f._FPDF_InitLibrary())
    return pdfium
  }

  get heapBytes(): number {
    return this.#functions.HEAPU8.byteLength
  }

  /**
   * Everything that calls into PDFium goes through here. Throws PdfiumFailure for whatever it throws, and when it was
   * refused memory, as it would then leave pictures out without a word.
   */
  run<Result>(work: (functions: PdfiumFunctions) => Result): Result {
    let result: Result
    try {
      result = work(this.#functions)
    } catch (cause) {
      throw new PdfiumFailure(cause, this.#wasRefused)
    }
    if (this.#wasRefused) throw new PdfiumFailure(undefined, true)
    return result
  }

  /** Memory for as long as `use` takes; unlike pictures and fonts of the document, it is not found wanting later. */
  withMemory<Result>(bytes: number, use: (pointer: number) => Result): Result {
    const pointer = this.run((f) => f._malloc(bytes))
    if (pointer === 0) throw new PdfiumFailure(undefined, true)
    let result: Result
    try {
      result = use(pointer)
    } catch (error) {
      if (!(error instanceof PdfiumFailure)) this.#functions._free(pointer)
      throw error
    }
    this.run((f) => f._free(pointer))
    return result
  }
}
