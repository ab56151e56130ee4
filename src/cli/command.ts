/** What a subcommand is: a description that help and the parser read, and the function that does it. */
import type { ConfigKey, RawConfig } from '../config.ts'

/** A flag of one command that is no configuration key. */
export interface OptionSpec {
  readonly type: 'string' | 'boolean'
  readonly description: string
  /** Said in help after the flag: `--max-tokens <n>`. */
  readonly value?: string
  readonly default?: string
  /** Taken where the flag ends the command line without a value, or another flag follows. */
  readonly bare?: string
}

/** The command line of one command, split; nothing is checked against the configuration's schema yet. */
export interface ParsedArgs {
  /** By camelCase configuration key. */
  readonly config: RawConfig
  readonly configFile: string | undefined
  /** By the flag as written in {@link Command.options}. */
  readonly options: ReadonlyMap<string, string | true>
  readonly positionals: readonly string[]
}

/** The streams of the process, replaced in tests. */
export interface Terminal {
  readonly stdin: NodeJS.ReadableStream
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean }
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean }
}

export interface Command {
  /** `serve`, or two words such as `bench serve`. */
  readonly name: string
  readonly summary: string
  /** What follows `aerie <name>` in the usage line. */
  readonly operands: string
  readonly details: readonly string[]
  readonly options: Readonly<Record<string, OptionSpec>>
  /** Configuration keys that the command takes as flags; empty: it reads no configuration. */
  readonly configKeys: readonly ConfigKey[]
  readonly examples: readonly string[]
  /** Returns the exit code: 0 done, 1 failed, 2 misused. */
  run(args: ParsedArgs, terminal: Terminal): Promise<number>
}

/** A mistake in the command line: one line on stderr, exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** An expected failure of a command, such as a server that does not answer: one line on stderr, exit code 1. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure'
}

/** The option's value as an integer of at least `minimum`; undefined when absent and without a default. */
export function integerOption(
  args: ParsedArgs,
  command: Command,
  name: string,
  minimum = 1,
): number | undefined {
  const text = args.options.get(name) ?? command.options[name]?.default
  if (text === undefined) return undefined
  const value = Number(text)
  if (text === true || !/^\d+$/.test(text) || value < minimum) {
    throw new UsageError(`--${name}: expected an integer, at least ${minimum}, got '${text}'`)
  }
  return value
}
