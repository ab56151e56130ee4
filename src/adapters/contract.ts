/** Adapters (LoRA, arXiv 2106.09685, as PEFT saves them) as the rooms know them. */

/** Where an adapter lies, and what requests call it. */
export interface AdapterSource {
  /** The name that requests use, as a model. */
  readonly name: string
  /** With `adapter_config.json` and `adapter_model.safetensors`. */
  readonly folder: string
}

/** What was found out of an adapter without reading its values. */
export interface AdapterFacts {
  readonly name: string
  /** Hex SHA-256 over its two files. */
  readonly digest: string
  /** Unix seconds: of the newer of its files. */
  readonly created: number
  /** Smallest and largest: modules may differ. */
  readonly ranks: { readonly least: number; readonly most: number }
  /** Last parts of the names of the modules that it changes, sorted: `down_proj`, `q_proj`. */
  readonly targets: readonly string[]
  /** How many modules those are. */
  readonly modules: number
  readonly parameters: number
  /** Dtype → number of tensors, as they are stored. */
  readonly dtypes: Readonly<Record<string, number>>
  /** That it takes while it is loaded. */
  readonly bytes: number
  /** What it says it was trained on; absent: nothing. */
  readonly trainedOn?: string
}

/** A checked adapter of a served model. */
export interface ServedAdapter extends AdapterSource {
  readonly facts: AdapterFacts
}

/** The matrices of one linear as they are stored: B [out, rank] · A [rank, in], times the scale, is added to its weight. */
export interface AdapterMatrices {
  /** Of `adaptableLinears`. */
  readonly linear: number
  readonly scale: number
  readonly rank: number
  /** [rank, in], row after row. */
  readonly down: StoredMatrix
  /** [out, rank] */
  readonly up: StoredMatrix
}

export interface StoredMatrix {
  readonly type: AdapterType
  readonly shape: readonly [rows: number, columns: number]
  readonly values: Uint8Array
}

export type AdapterType = 'f32' | 'f16' | 'bf16'

/** Shapes of {@link AdapterMatrices}, before anything is read. */
export interface AdapterShape {
  readonly linear: number
  readonly rank: number
  readonly in: number
  readonly out: number
  readonly types: { readonly down: AdapterType; readonly up: AdapterType }
}
