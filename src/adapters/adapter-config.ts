/**
 * `adapter_config.json` as PEFT writes it (peft/tuners/lora/config.py, 0.21). What changes an answer is honoured or refused by
 * name, unknown fields too: an adapter that is computed in part would answer wrongly without a word.
 */
import { AerieError } from '../errors.ts'
import { FILE_LIMITS, isJsonObject, readJson, resolveInside } from '../model-folder.ts'
import { namePattern } from './name-pattern.ts'

export const ADAPTER_CONFIG = 'adapter_config.json'

export interface AdapterConfig {
  /** Rank and scale of a module, by its name in the model that was trained. */
  rankOf(module: string): number
  scaleOf(module: string): number
  /** Why the module's matrices are not to be there; undefined: they are. */
  strayReason(module: string): string | undefined
  /** Names of a list of targets, whose modules need matrices; undefined where an expression tells. */
  readonly targets: readonly string[] | undefined
  readonly rslora: boolean
  readonly trainedOn: string | undefined
}

/** Fields that say how it was trained, where it came from or how it was saved. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set([
  ...['task_type', 'auto_mapping', 'peft_version', 'revision', 'inference_mode', 'lora_dropout'],
  ...['eva_config', 'megatron_config', 'megatron_core', 'qalora_group_size', 'runtime_config'],
  ...['layers_pattern', 'exclude_modules', 'ensure_weight_tying'],
  // A and B are the same of a layer that stores its weight transposed; only merging has to know.
  'fan_in_fan_out',
])
/** Fields that are read below. */
const READ: ReadonlySet<string> = new Set([
  ...['peft_type', 'base_model_name_or_path', 'r', 'lora_alpha', 'use_rslora', 'rank_pattern'],
  ...['alpha_pattern', 'target_modules', 'layers_to_transform', 'init_lora_weights', 'bias'],
])
/** What else PEFT can train, and why it is not computed here. */
const REFUSED: Readonly<Record<string, string>> = {
  use_dora:
    'DoRA scales every row of a weight by the norm of the sum; train without it, or merge the adapter into the model',
  modules_to_save:
    'whole modules beside the adapter are not loaded; merge the adapter into the model',
  trainable_token_indices: 'new rows of the token embedding are not loaded',
  layer_replication: 'a decoder with layers more than once is another model',
  lora_bias: 'biases of B are not added',
  target_parameters: 'parameters of experts are not adapted',
  use_qalora: 'QA-LoRA pools its inputs',
  alora_invocation_tokens: 'an activated LoRA begins in the middle of a prompt',
  use_bdlora: 'block-diagonal LoRA is not computed',
}
/** Ways to begin that leave the model's own weights as they are. */
const PLAIN_INIT: readonly unknown[] = [
  undefined,
  null,
  true,
  false,
  'gaussian',
  'eva',
  'orthogonal',
]
const LARGEST_RANK = 4096
const MOST_PATTERNS = 10_000
const LONGEST_MESSAGE = 300

/** Whether a folder has an adapter's config and none of a model. Rejects with `invalid_package`. */
export async function isAdapterFolder(folder: string): Promise<boolean> {
  const has = async (name: string) => (await resolveInside(folder, name)) !== undefined
  return (await has(ADAPTER_CONFIG)) && !(await has('config.json'))
}

/** Reads the config of an adapter's folder. Throws `invalid_package` naming the field. */
export async function readAdapterConfig(folder: string): Promise<AdapterConfig> {
  const raw = await readJson(folder, ADAPTER_CONFIG, FILE_LIMITS.config)
  if (raw === undefined) {
    const what = `${folder}: there is no ${ADAPTER_CONFIG}, so it is no adapter as PEFT saves them`
    throw new AerieError('invalid_package', what)
  }
  try {
    return parseAdapterConfig(raw)
  } catch (error) {
    if (!(error instanceof AerieError)) throw error
    throw new AerieError('invalid_package', `${folder}: ${error.message}`, { cause: error })
  }
}

/** Throws `invalid_package` naming the field. */
export function parseAdapterConfig(raw: unknown): AdapterConfig {
  if (!isJsonObject(raw)) return refuse('expected a JSON object')
  const type = raw['peft_type']
  if (type !== 'LORA')
    refuse(`peft_type is ${shown(type)}; of PEFT's adapters only "LORA" is served`)
  for (const [field, value] of Object.entries(raw)) {
    if (READ.has(field) || WITHOUT_EFFECT.has(field) || isUnset(value)) continue
    const why = Object.hasOwn(REFUSED, field) ? REFUSED[field] : 'this field is not known here'
    refuse(`${field} is ${shown(value)}: ${why}`)
  }
  if (!isUnset(raw['bias']) && raw['bias'] !== 'none')
    refuse(`bias is ${shown(raw['bias'])}: only "none" is served, as biases of the model stay`)
  if (!PLAIN_INIT.includes(raw['init_lora_weights']))
    refuse(
      `init_lora_weights is ${shown(raw['init_lora_weights'])}: it changes the model's own weights at the start of training; ` +
        'save it with path_initial_model_for_weight_conversion, which makes a plain LoRA of it',
    )
  const rank = positiveInteger(raw, 'r', 8)
  const alpha = positiveNumber(raw, 'lora_alpha', 8)
  const rslora = boolean(raw, 'use_rslora')
  const ranks = patterns(raw, 'rank_pattern', positiveInteger)
  const alphas = patterns(raw, 'alpha_pattern', positiveNumber)
  const rankOf = (module: string) => ranks(module) ?? rank
  const layers = layersOf(raw['layers_to_transform'])
  const targets = targetsOf(raw['target_modules'])
  const trainedOn = raw['base_model_name_or_path']
  return {
    rankOf,
    scaleOf: (module) => {
      const own = rankOf(module)
      return (alphas(module) ?? alpha) / (rslora ? Math.sqrt(own) : own)
    },
    strayReason: (module) => {
      const layer = /(?:^|\.)(?:layers|h|blocks?)\.(\d+)\./.exec(module)?.[1]
      if (layers && layer !== undefined && !layers.has(Number(layer)))
        return `layers_to_transform leaves out layer ${layer}`
      const isNamed = targets?.some((name) => module === name || module.endsWith(`.${name}`))
      return isNamed === false ? 'target_modules does not name it' : undefined
    },
    targets,
    rslora,
    trainedOn: typeof trainedOn === 'string' && trainedOn !== '' ? trainedOn : undefined,
  }
}

/** A list of names; undefined for an expression or `all-linear`: which modules it meant is told by the tensors that there are. */
function targetsOf(value: unknown): readonly string[] | undefined {
  if (isUnset(value) || typeof value === 'string') return undefined
  if (Array.isArray(value) && value.every((name) => typeof name === 'string')) return value
  return refuse(`target_modules is ${shown(value)}, expected names, an expression or "all-linear"`)
}

function layersOf(value: unknown): ReadonlySet<number> | undefined {
  if (isUnset(value)) return undefined
  const list = Array.isArray(value) ? value : [value]
  if (list.every((layer) => Number.isSafeInteger(layer) && layer >= 0)) return new Set(list)
  return refuse(`layers_to_transform is ${shown(value)}, expected a layer or a list of layers`)
}

/** The value of the first pattern that a module's name matches. */
function patterns(
  raw: Readonly<Record<string, unknown>>,
  field: string,
  read: (from: Readonly<Record<string, unknown>>, key: string, otherwise: number) => number,
): (module: string) => number | undefined {
  const value = raw[field]
  if (isUnset(value)) return () => undefined
  if (!isJsonObject(value)) return refuse(`${field} is ${shown(value)}, expected an object`)
  const keys = Object.keys(value)
  if (keys.length > MOST_PATTERNS) return refuse(`${field} has ${keys.length} entries`)
  const known = keys.map((key) => ({
    matches: namePattern(field, key),
    value: read(value, key, 0),
  }))
  return (module) => known.find(({ matches }) => matches(module))?.value
}

function positiveInteger(
  from: Readonly<Record<string, unknown>>,
  key: string,
  otherwise: number,
): number {
  const value = from[key] ?? otherwise
  if (Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= LARGEST_RANK)
    return value as number
  return refuse(`${key} is ${shown(value)}, expected a whole number from 1 to ${LARGEST_RANK}`)
}

function positiveNumber(
  from: Readonly<Record<string, unknown>>,
  key: string,
  otherwise: number,
): number {
  const value = from[key] ?? otherwise
  if (typeof value === 'number' && Number.isFinite(value) && value > 0 && value < 1e6) return value
  return refuse(`${key} is ${shown(value)}, expected a number above 0 and below 1000000`)
}

function boolean(from: Readonly<Record<string, unknown>>, key: string): boolean {
  const value = from[key] ?? false
  return typeof value === 'boolean'
    ? value
    : refuse(`${key} is ${shown(value)}, expected a boolean`)
}

/** What PEFT writes for what was not asked for. */
function isUnset(value: unknown): boolean {
  if (value === undefined || value === null || value === false) return true
  return typeof value === 'object' && Object.keys(value).length === 0
}

/** Values come from outside: cut to a length that a log can carry. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'missing'
  return text.length > 100 ? `${text.slice(0, 97)}...` : text
}

function refuse(message: string): never {
  // Names of fields come from outside, too.
  throw new AerieError('invalid_package', `${ADAPTER_CONFIG}: ${message.slice(0, LONGEST_MESSAGE)}`)
}
