/** `aerie doctor`: what this machine has, one line each, and what to do about what is missing. */
import type { Command, ParsedArgs, Terminal } from '../cli/command.ts'
import { UsageError } from '../cli/command.ts'
import { type Check, type Checks, type Finding, formatFindings } from './finding.ts'

export const doctorCommand: Command = {
  name: 'doctor',
  summary: 'what this machine has, and what to do about what is missing',
  operands: '[--json]',
  details: [
    '✓ as it should be, ! works without it or could be better, ✗ will not work.',
    'Exit code 1 when there is a ✗.',
  ],
  options: { json: { type: 'boolean', description: 'the findings as a JSON array' } },
  configKeys: [],
  examples: ['aerie doctor', 'aerie doctor --json | jq ".[] | select(.state == \\"bad\\")"'],
  run: doctor,
}

async function doctor(args: ParsedArgs, terminal: Terminal): Promise<number> {
  if (args.positionals.length > 0) throw new UsageError(`unexpected '${args.positionals[0]}'`)
  const findings = await examine()
  const text = args.options.has('json') ? JSON.stringify(findings) : formatFindings(findings)
  terminal.stdout.write(`${text}\n`)
  return findings.some(({ state }) => state === 'bad') ? 1 : 0
}

/** Makes all checks at the same time; findings come in the order of the report. */
export async function examine(): Promise<Finding[]> {
  const [host, runtimes, media, files, models] = await Promise.all([
    import('./host.ts'),
    import('./runtimes.ts'),
    import('./media.ts'),
    import('./files.ts'),
    import('./models.ts'),
  ])
  const checks: readonly (Check | Checks)[] = [
    host.checkCpu,
    host.checkMemory,
    host.checkNode,
    runtimes.checkOnnxRuntime,
    runtimes.checkNativeAddon,
    media.checkSharp,
    media.checkFfmpeg,
    () => files.checkFiles(),
    runtimes.checkGpu,
    runtimes.checkTensorRt,
  ]
  const found = (await Promise.all(checks.map((check) => check()))).flat()
  return [...found, ...(await models.checkModels())]
}
