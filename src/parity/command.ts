/** `aerie parity`: whether every stage of a case is what the published code computes. */
import { type Command, type ParsedArgs, type Terminal, UsageError } from '../cli/command.ts'
import { AerieError } from '../errors.ts'
import type { StageResult } from './compare.ts'

export const parityCommand: Command = {
  name: 'parity',
  summary: 'compare every stage of a case with the published code',
  operands: '<case folder> [options]',
  details: [
    'A case is a folder with `checkpoint/`, `expected.json` and `expected.safetensors`.',
    'Exit code 1 when a stage differs by more than 1e-4 of its largest magnitude, when ids differ, or',
    'when a tensor of the case was not compared.',
  ],
  options: {
    backend: {
      type: 'string',
      value: 'onnx|reference',
      description: 'what computes',
      default: 'onnx',
    },
    dump: { type: 'string', value: 'file', description: 'write what was computed as safetensors' },
    json: { type: 'boolean', description: 'the results as JSON' },
  },
  configKeys: [],
  examples: [
    'aerie parity test/fixtures/decoders/qwen3',
    'aerie parity cases/mine --backend reference',
  ],
  run: parity,
}

async function parity(args: ParsedArgs, terminal: Terminal): Promise<number> {
  const [folder, ...rest] = args.positionals
  if (folder === undefined || rest.length > 0) throw new UsageError('expected one case folder')
  const backend = String(args.options.get('backend') ?? 'onnx')
  const [{ readCase }, { compareStages, hasFailed }, { ADAPTERS }] = await Promise.all([
    import('./reference-case.ts'),
    import('./compare.ts'),
    import('./adapters.ts'),
  ])
  const reference = await readCase(folder)
  const adapter = ADAPTERS.find((candidate) => candidate.accepts(reference))
  if (!adapter) {
    throw new AerieError(
      'invalid_package',
      `${folder}: no family's cases are laid out like this one`,
    )
  }
  const { tensors, leftOut } = await adapter.run(reference, backend)
  const results = compareStages(reference, tensors, leftOut)
  const dump = args.options.get('dump')
  if (typeof dump === 'string') {
    const { writeSafetensors } = await import('../weights/safetensors-writer.ts')
    await writeSafetensors(
      dump,
      [...reference.tensors].flatMap(([name, { isInteger }]) => {
        const ours = tensors.get(name)
        return ours
          ? [{ name, ...ours, dtype: isInteger ? ('I64' as const) : ('F32' as const) }]
          : []
      }),
    )
  }
  const failed = results.filter(hasFailed)
  if (args.options.has('json')) {
    terminal.stdout.write(
      `${JSON.stringify({ case: reference.name, backend, stages: results }, undefined, 2)}\n`,
    )
  } else {
    terminal.stdout.write(
      `${table(results)}\n\n${summary(reference.name, results, failed.length)}\n`,
    )
  }
  return failed.length === 0 ? 0 : 1
}

function table(results: readonly StageResult[]): string {
  const cells = results.map(({ name, shape, verdict, absolute, relative, note }) => [
    name,
    `[${shape.join(', ')}]`,
    absolute?.toExponential(1) ?? '',
    relative?.toExponential(1) ?? '',
    note === undefined ? verdict : `${verdict}: ${note}`,
  ])
  const rows = [['stage', 'shape', 'absolute', 'relative', ''], ...cells]
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)))
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function summary(name: string, results: readonly StageResult[], failed: number): string {
  const worst = Math.max(0, ...results.map(({ relative }) => relative ?? 0))
  const count = `${results.length - failed} of ${results.length} tensors agree`
  return `${name}: ${count}, the worst differs by ${worst.toExponential(1)} of its largest magnitude`
}
