/** What the writing thread and those that quantise say to each other. */
import type { Dtype } from '../weights/dtype.ts'
import type { QuantisedForm, QuantisedRows } from './quantise-rows.ts'

/** Whole rows of a tensor as stored, to be quantised, or only looked through for values that no model may have. */
export interface RowsToQuantise {
  readonly id: number
  readonly dtype: Dtype
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly width: number
  readonly form: QuantisedForm | undefined
  /** Of the columns (`gptq.ts`), in memory that all threads share; undefined: each weight is rounded by itself. */
  readonly factors?: Float32Array<SharedArrayBuffer> | undefined
}

export type FromRowWorker =
  | { readonly id: number; readonly type: 'rows'; readonly rows: QuantisedRows }
  /** The bytes come back as they are. */
  | { readonly id: number; readonly type: 'kept'; readonly bytes: Uint8Array<ArrayBuffer> }
  /** Index of an element that is NaN or infinite. */
  | { readonly id: number; readonly type: 'bad'; readonly index: number }
  | { readonly id: number; readonly type: 'failed'; readonly message: string }
