/** What an adapter's folder says of itself, whatever model it is for. */
import { AerieError } from '../errors.ts'
import { readAdapterConfig } from './adapter-config.ts'
import { openWeights } from './adapter-folder.ts'
import { matrixOf } from './bind-adapter.ts'

export interface AdapterSurvey {
  readonly modules: number
  /** Last parts of the modules' names, sorted. */
  readonly targets: readonly string[]
  readonly layers: number
  readonly ranks: { readonly least: number; readonly most: number }
  /** Of alpha over rank, or over its root. */
  readonly scales: { readonly least: number; readonly most: number }
  readonly rslora: boolean
  readonly parameters: number
  readonly bytes: number
  readonly dtypes: Readonly<Record<string, number>>
  readonly trainedOn: string | undefined
}

/** Rejects with `invalid_package`. */
export async function surveyAdapter(folder: string): Promise<AdapterSurvey> {
  const config = await readAdapterConfig(folder)
  await using checkpoint = await openWeights(folder)
  const modules = new Set<string>()
  const dtypes: Record<string, number> = {}
  let [parameters, bytes] = [0, 0]
  for (const { name, dtype, shape, byteLength } of checkpoint.tensors.values()) {
    const matrix = matrixOf(name)
    if (matrix) modules.add(matrix.module)
    dtypes[dtype] = (dtypes[dtype] ?? 0) + 1
    parameters += shape.reduce((product, extent) => product * extent, 1)
    bytes += byteLength
  }
  if (modules.size === 0)
    throw new AerieError('invalid_package', `${folder}: there are no tensors lora_A and lora_B`)
  const names = [...modules]
  return {
    modules: names.length,
    targets: [...new Set(names.map((name) => name.split('.').at(-1)!))].sort(),
    layers: new Set(names.map((name) => /\.(\d+)\./.exec(name)?.[1])).size,
    ranks: range(names.map(config.rankOf)),
    scales: range(names.map(config.scaleOf)),
    rslora: config.rslora,
    ...{ parameters, bytes, dtypes },
    trainedOn: config.trainedOn,
  }
}

function range(values: readonly number[]): { least: number; most: number } {
  let [least, most] = [Number.POSITIVE_INFINITY, 0]
  for (const value of values) {
    least = Math.min(least, value)
    most = Math.max(most, value)
  }
  return { least, most }
}
