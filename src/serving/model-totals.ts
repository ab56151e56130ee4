/** What the parts of all models say together, those of models that are gone included where they count. */
import type { LoadedModel, ModelStats } from './contract.ts'

/** Fields that only rise; every other number is of this moment, and gone with its model. */
const COUNTERS = new Set([
  ...['steps', 'promptTokens', 'cachedPromptTokens', 'prefixHits', 'prefixMisses'],
  ...['prefixEvictions', 'generatedTokens', 'draftedTokens', 'acceptedTokens', 'preemptions'],
  ...['aborted', 'tilesEncoded', 'runs', 'cacheHits', 'cacheMisses', 'cacheEvictions'],
  ...['hits', 'misses', 'writes', 'evictions', 'rejected', 'failures', 'skipped', 'loads'],
  ...['windows', 'retries', 'rows', 'loadMs', 'compiled', 'refused', 'masks', 'maskWaits'],
  ...['maskWaitMs', 'steered', 'restarts'],
])
/** Of the one folder of features on disk, which every model sees. */
const OF_FOLDER = new Set(['entries', 'bytes', 'maxBytes'])

type Tree = Readonly<Record<string, unknown>>

export class ModelTotals {
  #gone: ModelStats = { engine: undefined, encoder: undefined, speech: undefined }

  /** Of a model that is about to go. */
  retire(model: Pick<LoadedModel, 'stats'>): void {
    const last = counted(model.stats() as unknown as Tree) as unknown as ModelStats
    this.#gone = added(this.#gone, last)
  }

  of(models: readonly Pick<LoadedModel, 'stats'>[]): ModelStats {
    const sum = models.reduce<ModelStats>((all, model) => added(all, model.stats()), this.#gone)
    this.#gone = withoutLists(this.#gone as unknown as Tree) as unknown as ModelStats
    return sum
  }
}

function added(a: ModelStats, b: ModelStats): ModelStats {
  return join(a, b, '') as ModelStats
}

function join(a: unknown, b: unknown, name: string): unknown {
  if (a === undefined) return b
  if (b === undefined) return a
  if (typeof a === 'number' && typeof b === 'number') return a + b
  if (Array.isArray(a) && Array.isArray(b)) return [...a, ...b]
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return b
  const [left, right] = [a as Tree, b as Tree]
  return Object.fromEntries(
    [...new Set([...Object.keys(left), ...Object.keys(right)])].map((key) => {
      const [x, y] = [left[key], right[key]]
      const isShared = name === 'disk' && OF_FOLDER.has(key)
      return [key, isShared ? Math.max(Number(x ?? 0), Number(y ?? 0)) : join(x, y, key)]
    }),
  )
}

/** The same, with every number of the moment 0. */
function counted(tree: Tree): Tree {
  return mapped(tree, (key, value) => (typeof value === 'number' && !COUNTERS.has(key) ? 0 : value))
}

/** Lists are of what happened since the last look. */
function withoutLists(tree: Tree): Tree {
  return mapped(tree, (_key, value) => (Array.isArray(value) ? [] : value))
}

function mapped(tree: Tree, change: (key: string, value: unknown) => unknown): Tree {
  return Object.fromEntries(
    Object.entries(tree).map(([key, value]) => [
      key,
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? mapped(value as Tree, change)
        : change(key, value),
    ]),
  )
}
