/** From an adapter's folder to what a session takes. */

import type { AdapterBase } from '../adapters/adapter-base.ts'
import { AdapterFolder, digestOf } from '../adapters/adapter-folder.ts'
import type { AdapterSource } from '../adapters/contract.ts'
import { AerieError } from '../errors.ts'
import type { Backend, PreparedAdapter } from './backend.ts'

export interface WantedAdapter extends AdapterSource {
  /** As it was when the server looked at it; another one is not loaded under its name. */
  readonly digest: string
}

/** Rejects with `invalid_package` for what cannot be used, and for files that have changed. */
export async function prepareAdapter(
  { prepareAdapter: prepare, name: runtime }: Backend,
  base: AdapterBase,
  wanted: WantedAdapter,
  maxRank: number,
): Promise<PreparedAdapter> {
  if (!prepare) throw new AerieError('invalid_config', `the ${runtime} backend has no adapters`)
  await using folder = await AdapterFolder.open(wanted, base, { maxRank })
  const prepared = await prepare(folder.shapes(), folder.matrices())
  // Behind the values: what was read is what was hashed, unless somebody writes just now.
  const { digest } = await digestOf(wanted.folder)
  if (digest === wanted.digest) return prepared
  throw new AerieError(
    'invalid_package',
    `adapter ${wanted.name}: its files have changed since its model was loaded; unload the model and load it again, or name the new ones otherwise`,
  )
}
