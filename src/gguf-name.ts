/** What the names of GGUF files say: how the weights are stored, and the place in a model of several files. */

/** As `gguf-split` of llama.cpp names the files of one model. */
const SHARD = /^(.+)-(\d{5})-of-(\d{5})(\.gguf)$/i
/** What lies beside models in repositories and is none: vision projectors and statistics of quantisation. */
const NO_MODEL = /mmproj|imatrix/i
/** Spellings of the types and their mixtures, between the separators that names have. */
const QUANTISATION =
  /(?<![a-z0-9])(?:UD-)?(?:I?Q\d(?:_(?:K|NL|\d|XXS|XS|S|M|L|XL|XXL))*|TQ\d_0|MXFP4(?:_MOE)?|NVFP4|BF16|FP?16|FP?32)(?![a-z0-9_])/gi

/** One file of a model that is split over several. */
export interface Shard {
  /** The name up to the numbers. */
  readonly stem: string
  /** From 1 on. */
  readonly number: number
  readonly count: number
}

/** Undefined for a name that is not that of a shard. */
export function shardOf(name: string): Shard | undefined {
  const [, stem, digits, count] = SHARD.exec(name) ?? []
  const number = Number(digits)
  return stem !== undefined && number >= 1 && number <= Number(count)
    ? { stem, number, count: Number(count) }
    : undefined
}

/** The name of another shard of the same model. */
export function shardName(name: string, number: number): string {
  return name.replace(
    SHARD,
    (_, stem, _number, count, ending) =>
      `${stem}-${String(number).padStart(5, '0')}-of-${count}${ending}`,
  )
}

/** Whether a file is, by its name, a model or a part of one. */
export function isGgufModel(path: string): boolean {
  return /\.gguf$/i.test(path) && !NO_MODEL.test(baseName(path))
}

/** The name without folder, ending and numbers. */
export function ggufStem(path: string): string {
  const name = baseName(path)
  return shardOf(name)?.stem ?? name.replace(/\.gguf$/i, '')
}

/** As `Q4_K_M`, in capitals: the last one that the name says, or else its folders; undefined when they say none. */
export function quantisationOf(path: string): string | undefined {
  const folders = path.split('/').slice(0, -1).reverse()
  for (const part of [ggufStem(path), ...folders]) {
    const last = [...part.matchAll(QUANTISATION)].at(-1)
    if (last) return last[0].toUpperCase()
  }
  return undefined
}

/** The files of one model in the order of their numbers; one that is not split is alone. */
export interface GgufGroup {
  /** Of the only file, or of the first shard, whether or not it is there. */
  readonly path: string
  readonly files: readonly string[]
}

/** Files of a folder or repository by the models that they belong to. */
export function groupShards(paths: readonly string[]): GgufGroup[] {
  const groups = new Map<string, string[]>()
  for (const path of [...paths].sort()) {
    const first = shardOf(path) ? shardName(path, 1) : path
    const group = groups.get(first)
    if (group) group.push(path)
    else groups.set(first, [path])
  }
  return [...groups].map(([path, files]) => ({ path, files }))
}

/**
 * Those of several models that `variant` names: the one of that path or file name, or else all that are quantised so,
 * whatever the case; without one, all.
 */
export function variantsNamed<T extends { readonly path: string }>(
  models: readonly T[],
  variant: string | undefined,
): readonly T[] {
  if (variant === undefined) return models
  const exact = models.filter(({ path }) => path === variant)
  if (exact.length > 0) return exact
  const named = models.filter(({ path }) => baseName(path) === variant)
  if (named.length > 0) return named
  return models.filter(({ path }) => quantisationOf(path) === variant.toUpperCase())
}

/** What names each of these models among them, as briefly as can be. */
export function variantNames(paths: readonly string[]): Map<string, string> {
  const quantisations = countBy(paths, quantisationOf)
  const names = countBy(paths, baseName)
  return new Map(
    paths.map((path) => {
      const quantisation = quantisationOf(path)
      const name = baseName(path)
      if (quantisation !== undefined && quantisations.get(quantisation) === 1)
        return [path, quantisation]
      return [path, names.get(name) === 1 ? name : path]
    }),
  )
}

function countBy<T>(paths: readonly string[], of: (path: string) => T): Map<T, number> {
  const counts = new Map<T, number>()
  for (const path of paths) counts.set(of(path), (counts.get(of(path)) ?? 0) + 1)
  return counts
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
