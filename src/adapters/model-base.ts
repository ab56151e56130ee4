/** What adapters may change of a model as it lies on the disk: of its config alone, no weight is opened. */
import { openModelSource } from '../weights/model-source.ts'
import { type AdapterBase, adapterBase } from './adapter-base.ts'

/** Rejects with `invalid_package`, or `invalid_config` for a model without a decoder. */
export async function adapterBaseOf(modelDir: string): Promise<AdapterBase> {
  const { model } = await openModelSource(modelDir)
  return adapterBase(model)
}
