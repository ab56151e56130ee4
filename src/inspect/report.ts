/** An inspection as text for people. */
import type { PromptSource } from '../capabilities/document.ts'
import { formatBytes } from '../cli/transfer-progress.ts'
import { packedWeightsText } from '../package/describe-packed.ts'
import { quantizationLines } from '../package/describe-quantization.ts'
import type { Manifest } from '../package/manifest.ts'
import type { Inspection } from './inspect.ts'

export function inspectionText(found: Inspection): string {
  const { kind, name, family, license } = found
  const title = `${name}: ${kind}${family ? ` of ${family}` : ''}${license ? `, ${license}` : ''}`
  const sections = [
    rows(packageRows(found)),
    rows(partRows(found)),
    rows([...promptRows(found), ...pictureRows(found), ...limitRows(found)]),
    rows(parityRows(found)),
    list('Problems', found.problems),
    list('Notes', found.remarks),
  ]
  return [title, ...sections.filter((section) => section !== '')].join('\n\n')
}

type Row = readonly string[]

function packageRows({ package: made, files }: Inspection): Row[] {
  const bytes = (files ?? []).reduce((sum, file) => sum + file.bytes, 0)
  const size = files ? [['Files', `${files.length}, ${formatBytes(bytes)}`]] : []
  if (!made) return size
  const { parent, digest, created, quantize, quantization, packed } = made
  const said = quantization ? quantizationLines(quantization) : []
  const revision = parent.revision ? ` at ${parent.revision}` : ''
  return [
    ...size,
    ['Made of', `${parent.kind} ${parent.id}${revision}, ${created.slice(0, 10)}`],
    ['Digest', digest],
    ['Quantised', quantize === 'none' ? 'no' : quantize],
    ...said.map((line) => ['', line]),
    [
      'Packed',
      packed ? packedText(packed) : 'no; the native runtime packs the weights at each start',
    ],
  ]
}

function packedText(packed: NonNullable<Manifest['packed']>): string {
  const { bytes, version } = packed
  return `${packedWeightsText(packed)}, ${formatBytes(bytes)}, version ${version}: mapped by the native runtime`
}

function partRows({ parts }: Inspection): Row[] {
  if (!parts) return []
  return [
    ['Part', 'parameters', 'size', 'tensors'],
    ...parts.map(({ name, parameters, bytes, dtypes }) => [
      name,
      formatCount(parameters),
      formatBytes(bytes),
      Object.entries(dtypes)
        .map(([dtype, count]) => `${count} ${dtype}`)
        .join(', '),
    ]),
  ]
}

function promptRows({ prompt, tokenizer }: Inspection): Row[] {
  if (!prompt || !tokenizer) return []
  const special = Object.entries(tokenizer.special)
  return [
    ['Prompt', promptText(prompt)],
    ['Tokenizer', `${tokenizer.tokens} tokens, of ${tokenizer.source}`],
    ['Special', special.map(([name, { text, id }]) => `${name} ${text} (${id})`).join(', ')],
    ['Ends at', tokenizer.stop.join(', ')],
  ]
}

function promptText({ source, template }: PromptSource): string {
  if (source === 'none') return 'none: it continues texts, and answers no conversations'
  return template ? `${template}, of the family` : `of ${source}`
}

function pictureRows({ preprocessing, embeddings }: Inspection): Row[] {
  if (embeddings) {
    return Object.entries(embeddings).map(([key, value], i) => [
      i === 0 ? 'Embeddings' : '',
      `${key} ${key === 'outputs' ? outputNames(value) : plain(value)}`,
    ])
  }
  if (preprocessing === undefined) return []
  const said = Object.entries(preprocessing ?? {}).map(([key, value]) => `${key} ${plain(value)}`)
  return [['Pictures', said.length === 0 ? 'none' : said.join(', ')]]
}

function outputNames(outputs: unknown): string {
  const named = outputs as readonly { readonly name: string; readonly channels: number }[]
  return named.map(({ name, channels }) => `${name} (${channels})`).join(', ')
}

function limitRows({ limits }: Inspection): Row[] {
  return Object.entries(limits ?? {}).map(([name, value], i) => [
    i === 0 ? 'Limits' : '',
    `${name} ${value}`,
  ])
}

function parityRows({ family, parity }: Inspection): Row[] {
  if (family === undefined) return []
  if (!parity) return [['Parity', 'not measured for this family in this form']]
  const cases = parity.cases.map(({ case: name, stages }): Row => {
    const worst = stages.reduce((a, b) => ((b.relativeError ?? 0) > (a.relativeError ?? 0) ? b : a))
    const error = (worst.relativeError ?? 0).toExponential(1)
    return ['', name, `${stages.length} stages, at most ${error} (${worst.stage})`]
  })
  return [['Parity', `largest relative error in ${parity.dtype}, by recorded case`], ...cases]
}

function plain(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function list(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : [`${title}:`, ...lines.map((line) => `  ${line}`)].join('\n')
}

function rows(table: readonly Row[]): string {
  const columns = Math.max(0, ...table.map((row) => row.length))
  const widths = Array.from({ length: columns - 1 }, (_, i) =>
    Math.max(...table.filter((row) => row.length > i + 1).map((row) => row[i]!.length)),
  )
  return table
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function formatCount(count: number): string {
  if (count >= 1e9) return `${(count / 1e9).toFixed(2)} B`
  if (count >= 1e6) return `${(count / 1e6).toFixed(1)} M`
  return String(count)
}
