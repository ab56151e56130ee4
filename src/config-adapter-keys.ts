/** The keys of adapters, in the group of the model. */
import { Type } from 'typebox'
import { bytes, count, MiB } from './config-key.ts'

const GROUP = 'Model and engine'

export const adapterKeys = {
  adapters: Type.Array(Type.String({ minLength: 1 }), {
    default: [],
    group: GROUP,
    defaultText: 'none',
    description:
      'LoRA adapters of the model as name=folder, in the layout that PEFT saves; requests take one by its name as model. Native runtime only.',
  }),
  maxAdapters: count(
    8,
    GROUP,
    'Adapters that may be loaded at once; others are loaded when they are asked for.',
  ),
  adapterMemoryBytes: bytes(
    512 * MiB,
    GROUP,
    'Memory for loaded adapters; the least recently used that nobody needs makes room.',
    MiB,
  ),
  maxAdapterRank: Type.Integer({
    default: 256,
    minimum: 1,
    maximum: 4096,
    group: GROUP,
    description: 'Largest rank of an adapter; one of a larger rank stops the start.',
  }),
}
