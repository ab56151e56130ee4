/** The adapters of a served model: found, checked against it and hashed at the start; their values are read when they are asked for. */
import { resolve } from 'node:path'
import type { ModelConfig } from '../../models/load-config.ts'
import { AerieError } from '../errors.ts'
import { adapterBase } from './adapter-base.ts'
import { AdapterFolder } from './adapter-folder.ts'
import type { AdapterSource, ServedAdapter } from './contract.ts'
import { packedBytes } from './packed-bytes.ts'

export interface AdapterBounds {
  readonly maxAdapterRank: number
  readonly adapterMemoryBytes: number
}

export interface BaseModel {
  /** The name that requests use. */
  readonly name: string
  /** Where it came from, if that is known: what an adapter may say that it was trained on. */
  readonly parent?: string | undefined
  readonly model: Pick<ModelConfig, 'graphs' | 'family'>
}

const LONGEST_NAME = 128

/** `name=folder`, as the configuration has them. Throws `invalid_config`. */
export function adapterSources(texts: readonly string[]): AdapterSource[] {
  const names = new Set<string>()
  return texts.map((text) => {
    const at = text.indexOf('=')
    const [name, folder] = [text.slice(0, at).trim(), text.slice(at + 1).trim()]
    if (at < 0 || name === '' || folder === '')
      throw config(`${JSON.stringify(text.slice(0, 200))}: expected name=folder`)
    if (name.length > LONGEST_NAME || /[\s\p{Cc}]/u.test(name))
      throw config(
        `the name ${JSON.stringify(name.slice(0, LONGEST_NAME))} is too long or has white space`,
      )
    if (names.has(name)) throw config(`two are called ${name}`)
    names.add(name)
    return { name, folder: resolve(folder) }
  })
}

/** Reads configs and headers, and no values. Resolves with the bytes of each when it is loaded. Rejects as {@link openAdapters}. */
export async function checkAdapters(
  sources: readonly AdapterSource[],
  model: BaseModel['model'],
  { maxAdapterRank: maxRank, adapterMemoryBytes }: AdapterBounds,
): Promise<readonly number[]> {
  const sizes: number[] = []
  if (sources.length === 0) return sizes
  const parts = adapterBase(model)
  for (const source of sources) {
    await using folder = await AdapterFolder.open(source, parts, { maxRank })
    const bytes = packedBytes(folder.shapes())
    refuseLarge(source.name, bytes, adapterMemoryBytes)
    sizes.push(bytes)
  }
  return sizes
}

/**
 * Reads configs and headers and hashes the files. Rejects with `invalid_config` for names that are taken and for adapters that
 * `adapterMemoryBytes` has no room for, and with `invalid_package` for one that does not fit the model.
 */
export async function openAdapters(
  sources: readonly AdapterSource[],
  base: BaseModel,
  { maxAdapterRank: maxRank, adapterMemoryBytes }: AdapterBounds,
  remark: (text: string) => void,
): Promise<ReadonlyMap<string, ServedAdapter>> {
  const adapters = new Map<string, ServedAdapter>()
  if (sources.length === 0) return adapters
  const parts = adapterBase(base.model)
  for (const source of sources) {
    const { name } = source
    if (name === base.name) throw config(`${name} is the name of the model itself`)
    await using folder = await AdapterFolder.open(source, parts, { maxRank })
    const facts = await folder.facts()
    refuseLarge(name, facts.bytes, adapterMemoryBytes)
    adapters.set(name, { ...source, facts })
    const { ranks, modules, trainedOn, bytes } = facts
    const rank = ranks.least === ranks.most ? `${ranks.most}` : `${ranks.least} to ${ranks.most}`
    remark(`adapter ${name}: rank ${rank}, ${modules} modules, ${bytes} bytes when it is loaded`)
    if (trainedOn !== undefined && !isSameModel(trainedOn, base))
      remark(
        `adapter ${name} says that it was trained on ${trainedOn.slice(0, 200)}, which is not what ${base.name} is called; it fits its shapes`,
      )
  }
  return adapters
}

/** By the last part of the name: folders and owners differ. */
function isSameModel(trainedOn: string, { name, parent }: BaseModel): boolean {
  const last = (path: string) => path.split(/[\\/]/).filter(Boolean).at(-1)?.toLowerCase()
  return [name, parent].some((known) => known !== undefined && last(known) === last(trainedOn))
}

function refuseLarge(name: string, bytes: number, adapterMemoryBytes: number): void {
  if (bytes > adapterMemoryBytes)
    throw config(`${name} takes ${bytes} bytes, adapterMemoryBytes is ${adapterMemoryBytes}`)
}

function config(message: string): AerieError {
  return new AerieError('invalid_config', `adapters: ${message}`)
}
