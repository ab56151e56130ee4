/** Configuration of several models in one server. */
import { Type } from 'typebox'
import { count, MiB, millis } from './config-key.ts'

/** One model of the list; further keys as for the whole server, see `MODEL_KEYS`. */
export interface ModelEntry extends Readonly<Record<string, unknown>> {
  readonly model: string
  readonly name?: string
  readonly aliases?: readonly string[]
  readonly pinned?: boolean
  readonly preload?: boolean
  readonly memoryBytes?: number
}

const group = 'Models'

export const modelKeys = {
  models: Type.Unsafe<readonly ModelEntry[]>({
    type: 'array',
    default: [],
    group,
    defaultText: 'the one of model',
    takes: 'what model takes, separated by commas; in a file also objects, see models.md',
    description: 'Several models to serve, instead of model.',
  }),
  modelMemoryBytes: Type.Optional(
    Type.Integer({
      minimum: MiB,
      group,
      unit: 'bytes',
      defaultText: '3/4 of the memory; of one model, no bound',
      description:
        'What loaded models may take together; the memory is that of the machine or of its cgroup, whichever is less.',
    }),
  ),
  modelIdleMs: Type.Optional(
    Type.Integer({
      minimum: 1,
      group,
      unit: 'ms',
      defaultText: 'never',
      description: 'After so long without a request a model is unloaded, if it is not pinned.',
    }),
  ),
  modelMinResidenceMs: millis(
    3000,
    group,
    'Time that a model stays once it is loaded, even if another one waits for its memory.',
    0,
  ),
  maxModelWaiting: count(
    128,
    group,
    'Requests that may wait for models to be loaded; beyond it the answer is 429.',
    0,
  ),
}
