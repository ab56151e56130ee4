/** What the media room makes of a document: its pages' sizes and texts before anything is drawn, and pages as pictures. */
import type { ImageContent, LoadedImage } from '../types.ts'

/** Where a document comes from. `param` is the request field, for error messages. */
export interface DocumentSource {
  /** A data: URI or an http(s) URL as the client sent it, or a file of this machine that the server itself chose. */
  readonly from:
    | { readonly url: string }
    | { readonly dataUri: string }
    | { readonly path: string; readonly byteLength: number }
  readonly param: string
}

/** Limits on untrusted documents, each named in its error. */
export interface DocumentLimits {
  readonly maxDocumentBytes: number
  /** Pages of one document that one request may look at. */
  readonly maxDocumentPages: number
}

/** A document that was opened; nothing is read or drawn yet. */
export interface LoadedDocument {
  readonly content: ImageContent
  readonly byteLength: number
  /** Hex SHA-256 of the file. */
  readonly sha256: string
  readonly pageCount: number
  /** 0 of what was not fetched. */
  readonly fetchMs: number
  readonly param: string
}

export interface DocumentPage {
  /** From 1. */
  readonly number: number
  /** As it will be drawn, upright, in pixels. */
  readonly width: number
  readonly height: number
  /** What is written on it, form fields included, in reading order as far as the file has one; '' where not asked for. */
  readonly text: string
}

export interface DocumentReading {
  /** Numbers of pages, from 1, in order. */
  readonly pages: readonly number[]
  readonly wantsText: boolean
  /** Of all texts together, in UTF-8. */
  readonly maxTextBytes: number
}

/** Documents as the main thread sees them. */
export interface Documents {
  readonly limits: DocumentLimits
  /**
   * Fetches the document where it is to be, hashes it and counts its pages. Rejects with `media_fetch_failed`, `media_too_large`,
   * `invalid_media` for damaged ones and `unsupported_media` for those that need a password.
   */
  open(source: DocumentSource, signal: AbortSignal): Promise<LoadedDocument>
  /** Sizes and texts. Rejects as `open`, and with `request_too_large` when the texts have more bytes than they may. */
  read(
    document: LoadedDocument,
    reading: DocumentReading,
    signal: AbortSignal,
  ): Promise<DocumentPage[]>
  /**
   * Pages as pictures, to be prepared or released like any other; the document is released with the last of them.
   */
  pictures(document: LoadedDocument, pages: readonly DocumentPage[]): LoadedImage[]
  /** The document will not be asked for again; again is harmless. */
  release(document: LoadedDocument): void
}
