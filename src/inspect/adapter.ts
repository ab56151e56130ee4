/** Tells what an adapter's folder holds, and whether it fits a model. */
import { basename, resolve } from 'node:path'
import { AdapterFolder } from '../adapters/adapter-folder.ts'
import { adapterBaseOf } from '../adapters/model-base.ts'
import { type AdapterSurvey, surveyAdapter } from '../adapters/survey-adapter.ts'
import { formatBytes } from '../cli/transfer-progress.ts'
import { AerieError } from '../errors.ts'

export interface AdapterInspection {
  readonly kind: 'adapter'
  readonly directory: string
  readonly name: string
  readonly adapter?: AdapterSurvey
  /** The model that it was compared with, and what it takes while it is loaded there. */
  readonly base?: { readonly directory: string; readonly loadedBytes?: number }
  readonly problems: readonly string[]
}

const ANY_RANK = 4096

/** Never rejects for what is wrong with the adapter; that is in `problems`. */
export async function inspectAdapter(
  path: string,
  base: string | undefined,
): Promise<AdapterInspection> {
  const directory = resolve(path)
  const name = basename(directory)
  const problems: string[] = []
  const adapter = await attempt(problems, () => surveyAdapter(directory))
  const fits =
    base === undefined || !adapter
      ? undefined
      : await attempt(problems, () => fitted(name, directory, resolve(base)))
  return {
    ...{ kind: 'adapter', directory, name, problems },
    ...(adapter && { adapter }),
    ...(base !== undefined && { base: { directory: resolve(base), ...fits } }),
  }
}

async function fitted(name: string, folder: string, base: string) {
  const parts = await adapterBaseOf(base)
  await using opened = await AdapterFolder.open({ name, folder }, parts, { maxRank: ANY_RANK })
  for await (const _ of opened.matrices()); // Values that are no numbers are found by reading them.
  return { loadedBytes: (await opened.facts()).bytes }
}

/** As text for people. */
export function adapterText({ name, adapter, base, problems }: AdapterInspection): string {
  const lines = [`${name}: adapter (LoRA)${adapter ? `, rank ${span(adapter.ranks)}` : ''}`]
  if (adapter) {
    const { modules, layers, targets, scales, rslora, parameters, bytes, dtypes } = adapter
    const stored = Object.entries(dtypes).map(([dtype, count]) => `${count} ${dtype}`)
    lines.push(
      '',
      `Modules     ${modules} in ${layers} layers: ${targets.join(', ')}`,
      `Scale       ${span(scales)}${rslora ? ', rank-stabilised' : ''}`,
      `Parameters  ${parameters}, ${formatBytes(bytes)}: ${stored.join(', ')}`,
      `Trained on  ${adapter.trainedOn ?? 'it does not say'}`,
    )
  }
  if (base?.loadedBytes !== undefined)
    lines.push(`Fits        ${base.directory}; takes ${formatBytes(base.loadedBytes)} loaded`)
  if (problems.length > 0) lines.push('', 'Problems', ...problems.map((problem) => `  ${problem}`))
  return lines.join('\n')
}

function span({ least, most }: { readonly least: number; readonly most: number }): string {
  const [a, b] = [least, most].map((value) => Number(value.toPrecision(4)))
  return a === b ? `${a}` : `${a} to ${b}`
}

async function attempt<T>(problems: string[], action: () => Promise<T>): Promise<T | undefined> {
  try {
    return await action()
  } catch (error) {
    if (!(error instanceof AerieError)) throw error
    problems.push(error.message)
    return undefined
  }
}
