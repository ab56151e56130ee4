/** The results of cases, for people. */
import type { StageResult } from './compare.ts'
import { type CaseResult, countStages, type QuantisedCase } from './run-case.ts'

/** Every stage of one case, and a line that sums them up. */
export function stageTable({ stages, ...result }: CaseResult): string {
  const cells = stages.map(({ name, shape, verdict, absolute, relative, note }) => [
    name,
    shape.length === 0 ? '' : `[${shape.join(', ')}]`,
    absolute?.toExponential(1) ?? '',
    relative?.toExponential(1) ?? '',
    note === undefined ? verdict : `${verdict}: ${note}`,
  ])
  const rows = align([['stage', 'shape', 'absolute', 'relative', ''], ...cells])
  return `${rows.join('\n')}\n\n${caseLine({ stages, ...result })}`
}

export function caseLine({ reference, backend, quantised, stages }: CaseResult): string {
  const { agreeing, failed, leftOut, worst } = countStages(stages)
  if (quantised) return quantisedLine(reference.name, backend, quantised, stages)
  const parts = [`${agreeing} of ${stages.length} tensors and facts agree`]
  if (leftOut > 0) parts.push(`${leftOut} left out`)
  if (failed > 0) parts.push(`${failed} FAILED`)
  if (worst) parts.push(`worst ${worst.relative.toExponential(1)} (${worst.stage})`)
  return `${reference.name} on ${backend}: ${parts.join(', ')}`
}

/** The tolerance of float32 is not applied: how far every stage is stands in its row. */
function quantisedLine(
  name: string,
  backend: string,
  { method, group, kept }: QuantisedCase,
  stages: readonly StageResult[],
): string {
  const { failed, worst } = countStages(stages)
  const differing = stages.filter(
    ({ verdict, note }) => verdict === 'measured' && note !== undefined,
  )
  const parts = [
    `${stages.length} tensors and facts measured without a tolerance`,
    ...(differing.length > 0 ? [`${differing.length} of ids and texts differ`] : []),
    ...(failed > 0 ? [`${failed} NOT COMPARED`] : []),
    ...(worst ? [`furthest ${worst.relative.toExponential(1)} (${worst.stage})`] : []),
    ...[...kept.keys()].map((part) => `${part} as it was`),
  ]
  return `${name} on ${backend}, ${method} in groups of ${group}: ${parts.join(', ')}`
}

/** A page with a row a case and backend. */
export function parityPage(results: readonly CaseResult[], command: string): string {
  const rows = results.map(({ reference, family, backend, stages }) => {
    const { agreeing, failed, leftOut, worst } = countStages(stages)
    const cells = [family, reference.name, backend, agreeing, leftOut, failed]
    const furthest = worst ? `${worst.relative.toExponential(1)} | \`${worst.stage}\`` : ' | '
    return `| ${cells.join(' | ')} | ${furthest} |`
  })
  return `# Parity with the published code

Every stage of every recorded case: what the published PyTorch code computed, and what Aerie computes from the same checkpoint and
the same files. A stage agrees when its largest difference is at most 1e-4 of its largest magnitude; ids, codes and grids must be
equal. "Left out" are tensors that are inputs or bookkeeping, each for a reason that \`aerie parity <case>\` prints.

Made by \`${command}\`; float32 on a CPU.

| Family | Case | Backend | Agree | Left out | Fail | Worst, relative | Where |
|---|---|---|---:|---:|---:|---:|---|
${rows.join('\n')}
${leftOutList(results)}`
}

/** The same for a quantised model, to which no tolerance applies: how far its furthest tensor and its logits are. */
export function quantisedPage(
  results: readonly CaseResult[],
  { method, group }: Pick<QuantisedCase, 'method' | 'group'>,
): string {
  const rows = results.map(({ reference, family, quantised, stages }) => {
    const isFact = ({ verdict, note }: StageResult) => verdict === 'measured' && note !== undefined
    const furthest = (some: readonly StageResult[]) =>
      countStages(some).worst?.relative.toExponential(1) ?? ''
    // Steps go on from the token that was chosen: after another choice they are those of another text.
    const logits = stages.filter(({ name }) => /(?:^|prefill_)logits/.test(name))
    const kept = [...(quantised?.kept.keys() ?? [])].join(', ')
    const { failed, worst } = countStages(stages)
    const cells = [family, reference.name, stages.length, stages.filter(isFact).length, failed]
    return `| ${cells.join(' | ')} | ${furthest(logits)} | ${worst ? `${furthest(stages)} \`${worst.stage}\`` : ''} | ${kept} |`
  })
  return `# Parity of ${method} in groups of ${group}

Made by \`.ci/parity-quantised\`.

How far a checkpoint whose weights were rounded to the nearest, as an import can, is from what the published PyTorch code computed
with its floats: the largest difference over the largest magnitude of a tensor. No tolerance is applied.

The checkpoints are tiny and random, for which these numbers are large and say nothing of a real model: rows of 24 to 64 weights
give rounding nothing to average over, random weights have no structure that survives it, logits without a favourite change their order with
any noise, and a difference is measured at the worst element of a tensor. Where a greedy step chose another token, the steps behind it
(\`step_logits\`, \`greedy_logits\`) are those of another text: "Logits" are of the recorded prompts alone. What this page shows is that
every stage of these cases runs quantised and is compared. What quantising costs *your* model is measured when it is imported ([quantise.md](quantise.md)).

| Family | Case | Tensors and facts | Ids and texts that differ | Not compared | Logits | Furthest of all | As it was |
|---|---|---:|---:|---:|---:|---|---|
${rows.join('\n')}
`
}

/** Why tensors were left out, once a reason. */
function leftOutList(results: readonly CaseResult[]): string {
  const reasons = new Map<string, Set<string>>()
  for (const { reference, stages } of results) {
    for (const { verdict, note } of stages) {
      if (verdict !== 'left out') continue
      reasons.set(note!, (reasons.get(note!) ?? new Set()).add(reference.name))
    }
  }
  if (reasons.size === 0) return ''
  const lines = [...reasons].map(([reason, cases]) => `- ${reason} (${[...cases].join(', ')})`)
  return `\nLeft out:\n\n${lines.join('\n')}\n`
}

/** What a program reads. */
export function caseJson({ reference, backend, quantised, stages }: CaseResult): {
  case: string
  backend: string
  quantize: string
  stages: readonly StageResult[]
} {
  return { case: reference.name, backend, quantize: quantised?.method ?? 'none', stages }
}

function align(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)))
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd(),
  )
}
