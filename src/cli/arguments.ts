/** Splits a command line by a command's description; names the nearest known flag for an unknown one. */
import { parseArgs } from 'node:util'
import { CONFIG_KEYS } from '../config-schema.ts'
import { kebab } from '../config-value.ts'
import { nearest } from '../nearest.ts'
import { type Command, type ParsedArgs, UsageError } from './command.ts'

interface Flag {
  readonly type: 'string' | 'boolean'
  readonly bare?: string | undefined
  take(value: string | true): void
}

/** Throws UsageError for unknown flags and for flags that lack their value. */
export function parseArguments(command: Command, args: readonly string[]): ParsedArgs {
  const config: Record<string, unknown> = {}
  const options = new Map<string, string | true>()
  const positionals: string[] = []
  let configFile: string | undefined

  const flags = new Map<string, Flag>()
  for (const [name, spec] of Object.entries(command.options)) {
    const { type, bare } = spec
    flags.set(name, { type, bare, take: (value) => options.set(name, value) })
  }
  for (const key of command.configKeys) {
    const schema = CONFIG_KEYS.get(key)
    const isList = schema?.type === 'array'
    const flag: Flag = {
      type: schema?.type === 'boolean' ? 'boolean' : 'string',
      take: (value) => {
        config[key] = isList ? [...((config[key] as string[] | undefined) ?? []), value] : value
      },
    }
    flags.set(kebab(key), flag)
    // One at a time reads better so: --adapter poet=./poet
    if (isList) flags.set(kebab(key).replace(/s$/, ''), flag)
  }
  if (command.configKeys.length > 0) {
    flags.set('config', {
      type: 'string',
      take: (value) => {
        configFile = String(value)
      },
    })
  }

  const { tokens } = parseArgs({
    args: args.map((arg, i) => withBareValue(arg, args[i + 1], flags)),
    options: Object.fromEntries([...flags].map(([name, { type }]) => [name, { type }])),
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value)
    if (token.kind !== 'option') continue
    const { rawName, value } = token
    const flag = flags.get(token.name)
    const negated = flags.get(token.name.replace(/^no-/, ''))
    if (flag === undefined && negated?.type === 'boolean' && value === undefined) {
      negated.take('false')
    } else if (flag === undefined || rawName !== `--${token.name}`) {
      throw unknownFlag(command, rawName, flags.keys())
    } else if (flag.type === 'string' && value === undefined) {
      throw new UsageError(`${rawName}: expected a value; see \`aerie ${command.name} --help\``)
    } else {
      flag.take(value ?? true)
    }
  }
  return { config, configFile, options, positionals }
}

/** `--flag` → `--flag=value` where the value may be left out and was. */
function withBareValue(
  arg: string,
  next: string | undefined,
  flags: ReadonlyMap<string, Flag>,
): string {
  const bare = arg.startsWith('--') ? flags.get(arg.slice(2))?.bare : undefined
  const isAlone = next === undefined || next.startsWith('-')
  return bare !== undefined && isAlone ? `${arg}=${bare}` : arg
}

function unknownFlag(command: Command, flag: string, known: Iterable<string>): UsageError {
  const near = nearest(flag.replace(/^--?/, ''), known)
  const advice = near ? `did you mean --${near}?` : `see \`aerie ${command.name} --help\``
  return new UsageError(`unknown flag ${flag}; ${advice}`)
}
