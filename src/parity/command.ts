/** `aerie parity`: whether every stage of a case is what the published code computes. */
import { writeFile } from 'node:fs/promises'
import { type Command, type ParsedArgs, type Terminal, UsageError } from '../cli/command.ts'
import { quantiseOptions } from '../cli/quantise-options.ts'
import type { CaseResult } from './run-case.ts'

export const parityCommand: Command = {
  name: 'parity',
  summary: 'compare every stage of recorded cases with the published code',
  operands: '<folder> … [options]',
  details: [
    'A folder is a case (`checkpoint/`, `expected.json`, `expected.safetensors`) or holds cases.',
    'Exit code 1 when a stage differs by more than 1e-4 of its largest magnitude, when ids or texts',
    'differ, or when a tensor of a case was not compared. With --quantize the tolerance is not',
    'applied: the differences of a quantised model from the published code are stated alone.',
  ],
  options: {
    backend: {
      type: 'string',
      value: 'names',
      description: 'what computes: native, onnx, reference, or several with commas',
      default: 'onnx',
    },
    quantize: {
      type: 'string',
      value: 'none',
      description: 'quantise the checkpoint first, to the nearest: int8, int4 or int4-pure',
      default: 'none',
    },
    group: {
      type: 'string',
      value: 'n',
      description: 'weights that share a scale: 32 or 128',
      default: '32',
    },
    dump: {
      type: 'string',
      value: 'file',
      description: 'write what was computed for one case as safetensors',
    },
    markdown: { type: 'string', value: 'file', description: 'write a page with a row a case' },
    record: {
      type: 'string',
      value: 'file',
      description: "write each stage's largest error as JSON, which the server shows of its model",
    },
    json: { type: 'boolean', description: 'the results as JSON: an object, or a list of several' },
  },
  configKeys: [],
  examples: [
    'aerie parity test/fixtures/decoders/qwen3',
    'aerie parity test/fixtures --backend onnx,reference --markdown docs/parity.md',
  ],
  run: parity,
}

async function parity({ positionals, options }: ParsedArgs, terminal: Terminal): Promise<number> {
  if (positionals.length === 0) throw new UsageError('expected a case folder, or one of cases')
  const backends = String(options.get('backend') ?? 'onnx').split(',')
  const [{ findCases }, { runCase, countStages }, report] = await Promise.all([
    import('./find-cases.ts'),
    import('./run-case.ts'),
    import('./report.ts'),
  ])
  const folders = (await Promise.all(positionals.map(findCases))).flat()
  const isOne = folders.length * backends.length === 1
  const dump = options.get('dump')
  if (dump !== undefined && !isOne) throw new UsageError('--dump is for one case and one backend')
  const asJson = options.has('json')
  const asked = quantiseOptions(options)
  // Cases may have no text: nothing is read with them.
  const quantise = asked && { ...asked, rounding: 'nearest' as const }
  const results: CaseResult[] = []
  for (const folder of folders) {
    for (const backend of backends) {
      const result = await runCase(folder, backend, quantise)
      results.push(result)
      if (!asJson)
        terminal.stdout.write(`${isOne ? report.stageTable(result) : report.caseLine(result)}\n`)
    }
  }
  if (asJson) {
    const list = results.map(report.caseJson)
    terminal.stdout.write(`${JSON.stringify(isOne ? list[0] : list, undefined, 2)}\n`)
  }
  if (typeof dump === 'string') await writeDump(dump, results[0]!)
  const page = options.get('markdown')
  if (typeof page === 'string') {
    const text = quantise
      ? report.quantisedPage(results, quantise)
      : report.parityPage(results, 'npm run parity')
    await writeFile(page, text)
  }
  const record = options.get('record')
  if (typeof record === 'string') {
    const { parityRecord } = await import('./record.ts')
    await writeFile(record, `${JSON.stringify(await parityRecord(results), undefined, 1)}\n`)
  }
  return results.every(({ stages }) => countStages(stages).failed === 0) ? 0 : 1
}

async function writeDump(file: string, { reference, tensors }: CaseResult): Promise<void> {
  const [{ writeSafetensors }, { keptOf }] = await Promise.all([
    import('../weights/safetensors-writer.ts'),
    import('./subsample.ts'),
  ])
  await writeSafetensors(
    file,
    [...reference.tensors].flatMap(([name, theirs]) => {
      const ours = tensors.get(name)
      const dtype = theirs.isInteger ? ('I64' as const) : ('F32' as const)
      return ours ? [{ name, ...keptOf(ours, theirs), dtype }] : []
    }),
  )
}
