/** Which GGUF model of a hub's repository is meant: most hold the same one in many quantisations. */
import { AerieError } from '../errors.ts'
import {
  type GgufGroup,
  groupShards,
  isGgufModel,
  shardName,
  shardOf,
  variantNames,
  variantsNamed,
} from '../gguf-name.ts'
import type { HubFile, Repository } from '../hub/repository.ts'

export interface GgufVariant {
  /** Of the only file, or of the first shard. */
  readonly path: string
  /** In the order of their numbers. */
  readonly files: readonly [HubFile, ...HubFile[]]
}

/** No segment that leads elsewhere, nothing that a terminal would obey. */
const PLAIN_PATH = /^(?:[^./\\\p{Cc}][^/\\\p{Cc}]{0,199}(?:\/(?!$)|$)){1,8}$/u
const MOST_LISTED = 40

/**
 * The model that `variant` names; without one, the only one of the repository. Undefined for a repository that is no GGUF
 * repository: without such files, or with safetensors, unless a variant is asked for. Throws `invalid_package`, with what
 * there is.
 */
export function chooseGguf(
  { id, files }: Pick<Repository, 'id' | 'files'>,
  variant?: string,
): GgufVariant | undefined {
  const paths = [...files.keys()].filter((path) => isGgufModel(path) && PLAIN_PATH.test(path))
  const models = groupShards(paths)
  if (variant === undefined) {
    const hasOthers = [...files.keys()].some((path) => path.endsWith('.safetensors'))
    if (models.length === 0 || hasOthers) return undefined
  }
  const chosen = variantsNamed(models, variant)
  const [only] = chosen
  if (only !== undefined && chosen.length === 1) return withFiles({ id, files }, only)
  throw new AerieError('invalid_package', problem({ id, files }, { models, chosen, variant }))
}

function problem(
  { id, files }: Pick<Repository, 'id' | 'files'>,
  {
    models,
    chosen,
    variant,
  }: {
    readonly models: readonly GgufGroup[]
    readonly chosen: readonly GgufGroup[]
    readonly variant: string | undefined
  },
): string {
  if (models.length === 0) return `${id} has no GGUF file, and ${quote(variant!)} names one`
  const brief = variantNames(models.map(({ path }) => path))
  const listed = chosen.length > 0 ? chosen : models
  const names = listed.slice(0, MOST_LISTED).map((model) => {
    const bytes = model.files.reduce((sum, path) => sum + files.get(path)!.bytes, 0)
    return { name: brief.get(model.path)!, size: `${(bytes / 1e9).toFixed(2)} GB` }
  })
  const more = listed.length > MOST_LISTED ? `, and ${listed.length - MOST_LISTED} more` : ''
  const list = names.map(({ name, size }) => `${name} (${size})`).join(', ') + more
  const example = `${id}:${names[0]!.name}`
  if (chosen.length === 0)
    return `${id} has no GGUF file ${quote(variant!)}, expected a quantisation or a file of it: ${list}`
  const what = variant === undefined ? 'GGUF models' : `GGUF models that are ${quote(variant)}`
  return `${id} has ${chosen.length} ${what}, expected one of them, as in ${example}: ${list}`
}

/** With every shard that the names promise. */
function withFiles(
  { id, files }: Pick<Repository, 'id' | 'files'>,
  { path }: GgufGroup,
): GgufVariant {
  const count = shardOf(path)?.count ?? 1
  const all: HubFile[] = []
  for (let number = 1; number <= count; number++) {
    const name = count === 1 ? path : shardName(path, number)
    const file = files.get(name)
    if (!file) throw new AerieError('invalid_package', `${id} has no ${name}`)
    all.push(file)
  }
  return { path, files: all as [HubFile, ...HubFile[]] }
}

/** As users write it, cut to what a line can carry. */
function quote(variant: string): string {
  return JSON.stringify(variant.length > 120 ? `${variant.slice(0, 117)}...` : variant)
}
