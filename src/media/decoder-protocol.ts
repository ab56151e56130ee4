/** What the server asks of a decoder process and what it answers. */
import type { Preprocessing } from '../../models/preprocessing.ts'
import type { PictureLayout } from '../../models/tiling/layout.ts'
import { fromWireError, ProgramWords, type WireError } from '../errors.ts'
import type {
  DocumentLimits,
  DocumentPage,
  DocumentReading,
  LoadedDocument,
} from './documents/contract.ts'
import type { ImageContent, ImageHeader, LoadedImage, MediaLimits, PreparedImage } from './types.ts'
import type { ClipCall, Found, PreparedClip, Probed } from './video/clip-protocol.ts'

/** Beside standard input, output and error. */
export const CHANNEL_FD = 3

interface Common {
  /** The same in every call for one picture, or for one document and its pages, and in no other. */
  readonly picture: number
  readonly param: string
  readonly limits: MediaLimits
}

interface First {
  /** What the body is. */
  readonly from: ImageContent['from']
}

interface Later {
  /** As above; `kept`: there is no body, since the process still has what came with the last call. */
  readonly from: ImageContent['from'] | 'kept'
}

interface ToTiles {
  readonly header: ImageHeader
  readonly preprocessing: Preprocessing
  readonly layout: PictureLayout
}

interface OfDocument {
  readonly documents: DocumentLimits
}

export type DocumentCall = Common &
  OfDocument &
  (
    | (First & { readonly do: 'open-document' })
    | (Later & { readonly do: 'read-pages' } & DocumentReading)
    | (Later & ToTiles & { readonly do: 'prepare-page'; readonly page: number })
  )

export type PictureCall = Common &
  ((First & { readonly do: 'open' }) | (Later & ToTiles & { readonly do: 'prepare' }))

export type Call = PictureCall | DocumentCall

export function isOfDocument(call: Call | ClipCall): call is DocumentCall {
  return 'documents' in call
}

/** Answer to `open`. */
export type Opened = Pick<LoadedImage, 'sha256' | 'header'> & { readonly byteLength: number }

/** Answer to `prepare` and `prepare-page`; its body holds the pixels. */
export type Prepared = Omit<PreparedImage, 'pixels'> & Partial<Keeping>

export interface Keeping {
  /** Whether the process still has the document. */
  readonly kept: boolean
  /** Whether another process should take its place. */
  readonly spent: boolean
}

/** Answer to `open-document`. */
export type DocumentOpened = Pick<LoadedDocument, 'sha256' | 'byteLength' | 'pageCount'> & Keeping

/** Answer to `read-pages`; its body holds the texts, one behind the other, in UTF-8. */
export interface PagesRead extends Keeping {
  readonly pages: readonly PageHead[]
}

export type PageHead = Omit<DocumentPage, 'text'> & { readonly textBytes: number }

/** Whether a process that answered a call so still has the file or document of it. */
export function isKept(call: Call | ClipCall, head: unknown): boolean {
  if (isFailure(head)) return false
  return isOfDocument(call) ? (head as Keeping).kept : call.do === 'open'
}

export interface Failure {
  readonly error: WireError
  /** What ffmpeg said last, where it failed. */
  readonly words?: string
  readonly spent?: boolean
}

export function isFailure(head: unknown): head is Failure {
  return 'error' in (head as object)
}

/** Whether a process that answered so is to be replaced. */
export function isSpent(head: unknown): boolean {
  return (head as { readonly spent?: boolean }).spent === true
}

/** Throws the error that the process reported, with the words of ffmpeg as its cause, or returns its answer. */
export function unwrap<
  Answer extends Opened | Prepared | DocumentOpened | PagesRead | Probed | Found | PreparedClip,
>(head: unknown): Answer {
  if (isFailure(head)) {
    const error = fromWireError(head.error)
    if (head.words !== undefined) error.cause = new ProgramWords(head.words)
    throw error
  }
  return head as Answer
}
