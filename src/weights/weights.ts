/** Weights of an opened model, whatever kind of file they lie in. */
import type { Change } from './converter-change.ts'
import type { Quantisation } from './quantised.ts'
import type { TensorEntry } from './safetensors.ts'
import type { StoredType } from './stored-type.ts'

/** A tensor and the file that it lies in. */
export interface WeightTensor extends Omit<TensorEntry, 'dtype'> {
  readonly dtype: StoredType
  /** Path of the file with every symbolic link followed. */
  readonly path: string
  /** What a converter did to the values; absent: nothing. */
  readonly change?: Change
  /** Set for a quantised weight: then `dtype` and bytes are its values', and `shape` is the weight's own. */
  readonly quantisation?: Quantisation
}

/** Nothing is read until a tensor is asked for. */
export interface Weights extends AsyncDisposable {
  /** By name. */
  readonly tensors: ReadonlyMap<string, WeightTensor>
  /** The stored bytes of a tensor, as they are in the file. */
  readBytes(tensor: WeightTensor): Promise<Uint8Array<ArrayBuffer>>
  /** The values of a tensor as floats, in row-major order, without what a converter changed. */
  readFloats(tensor: WeightTensor): Promise<Float32Array<ArrayBuffer>>
  close(): Promise<void>
}
