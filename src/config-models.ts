/** The list of models in the configuration: names alone, or objects with what holds for one of them. */
import {
  CONFIG_KEYS,
  type Config,
  type ConfigKey,
  type KeySchema,
  type ModelEntry,
} from './config-schema.ts'
import { expectation, parseValue } from './config-value.ts'
import { AerieError } from './errors.ts'
import { nearest } from './nearest.ts'

/** Keys that may differ from model to model; in an entry they stand as they do for the whole server. */
export const MODEL_KEYS = [
  'revision',
  'backend',
  'threads',
  'maxRunning',
  'maxWaiting',
  'stepTokenBudget',
  'kvCacheBytes',
  'kvBlockSize',
  'kvCacheType',
  'speculation',
  'maxDraftTokens',
  'encoderCacheBytes',
  'encoderMaxBatch',
  'encoderSessions',
  'maxImagesPerRequest',
  'maxPatches',
  'maxEmbeddingValues',
  'speechBatch',
  'adapters',
  'maxAdapters',
  'adapterMemoryBytes',
  'maxAdapterRank',
  'grammarTimeoutMs',
  'grammarCacheBytes',
] as const satisfies readonly ConfigKey[]

const FLAGS = ['pinned', 'preload'] as const
const OWN_KEYS = ['model', 'name', 'aliases', 'memoryBytes', ...FLAGS] as const
const MEMORY: KeySchema = {
  ...{ type: 'integer', unit: 'bytes', minimum: 2 ** 20 },
  ...{ group: 'Models', description: 'What it counts as.' },
}
/** Of a name: it stands in URLs, labels of metrics and log lines. */
const NAME = /^[\w][\w./:@+-]{0,199}$/

/** One model, with the configuration that holds for it. */
export interface ModelSpec {
  /** Under which it is served; undefined: its own name. */
  readonly name: string | undefined
  readonly aliases: readonly string[]
  readonly isPinned: boolean
  readonly isPreloaded: boolean
  /** What it counts as; undefined: what is estimated and measured. */
  readonly memoryBytes: number | undefined
  /** Keys of the server that its own entry sets. */
  readonly ownKeys: readonly (typeof MODEL_KEYS)[number][]
  /** `model` is where it is found. */
  readonly config: Config
}

/** What is served, in its order: the list, or the one model. Throws `invalid_config` for adapters of no model. */
export function modelSpecs(config: Config): readonly ModelSpec[] {
  const isList = config.models.length > 0
  if (isList && config.adapters.length > 0) {
    const what = 'adapters: with models, they stand in the entry of the model that they belong to'
    throw new AerieError('invalid_config', what)
  }
  const entries = isList ? config.models : [{ model: config.model }]
  return entries.map((entry, i) => {
    const { model, name, aliases = [], pinned = false, preload, memoryBytes, ...settings } = entry
    return {
      ...{ name, aliases, memoryBytes, isPinned: pinned },
      ownKeys: MODEL_KEYS.filter((key) => key in settings),
      isPreloaded: preload ?? (pinned || i === 0),
      config: { ...config, ...settings, model },
    }
  })
}

/**
 * A list, or texts with commas, as entries; what is wrong goes to `say`, with its place. `label` names the source.
 */
export function parseModels(
  raw: unknown,
  label: string,
  say: (problem: string) => void,
): readonly ModelEntry[] {
  const items = (Array.isArray(raw) ? raw : [raw]).flatMap((item): unknown[] =>
    typeof item === 'string' ? item.split(',').map((text) => text.trim()) : [item],
  )
  const entries = items.flatMap((item, i) => parseEntry(item, `${label}[${i}]`, say) ?? [])
  if (items.length === 0) say(`${label}: expected at least one model`)
  return entries
}

function parseEntry(
  item: unknown,
  label: string,
  say: (problem: string) => void,
): ModelEntry | undefined {
  if (typeof item === 'string' && item !== '') return { model: item }
  if (typeof item !== 'object' || item === null || Array.isArray(item)) {
    say(`${label}: expected the name or path of a model, or an object with the key model`)
    return undefined
  }
  const entry: Record<string, unknown> = {}
  for (const [key, raw] of Object.entries(item)) {
    const value = parseKey(key, raw)
    if (typeof value === 'object' && value !== null && 'problem' in value)
      say(`${label}.${key}: ${value.problem}`)
    else entry[key] = value
  }
  if (!Object.hasOwn(item, 'model')) say(`${label}: expected the key model`)
  return entry as unknown as ModelEntry
}

function parseKey(key: string, raw: unknown): unknown {
  const isName = (value: unknown): value is string => typeof value === 'string' && NAME.test(value)
  const named = 'expected a name of letters, digits and . / : @ + - _, of 200 characters at most'
  if (key === 'model')
    return typeof raw === 'string' && raw !== '' ? raw : { problem: 'expected a non-empty text' }
  if (key === 'name') return isName(raw) ? raw : { problem: named }
  if (key === 'aliases') {
    const names = typeof raw === 'string' ? [raw] : raw
    const isList = Array.isArray(names) && names.every(isName)
    return isList ? names : { problem: `a list: ${named}` }
  }
  if ((FLAGS as readonly string[]).includes(key))
    return typeof raw === 'boolean' ? raw : { problem: 'expected true or false' }
  const isOfModels = (MODEL_KEYS as readonly string[]).includes(key)
  const schema =
    key === 'memoryBytes' ? MEMORY : isOfModels ? CONFIG_KEYS.get(key as ConfigKey) : undefined
  if (!schema) return { problem: unknownKey(key) }
  return parseValue(schema, raw) ?? { problem: `expected ${expectation(schema)}` }
}

function unknownKey(key: string): string {
  if (CONFIG_KEYS.has(key as ConfigKey)) return 'holds for the whole server; set it there'
  const near = nearest(key, [...OWN_KEYS, ...MODEL_KEYS])
  return `unknown key${near ? `; did you mean ${near}?` : ''}`
}
