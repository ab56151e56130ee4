/** Entry of the `aerie` command: picks the subcommand, turns failures into one line and an exit code. */
import { readFileSync } from 'node:fs'
import { AerieError } from '../errors.ts'
import { nearest } from '../nearest.ts'
import { parseArguments } from './arguments.ts'
import { type Command, CommandFailure, type Terminal, UsageError } from './command.ts'
import { COMMANDS } from './commands.ts'
import { commandHelp, generalHelp } from './help.ts'

/** Runs one command line (without `node` and script) and sets the exit code of the process. */
export async function main(argv: readonly string[], terminal: Terminal = process): Promise<void> {
  process.exitCode = await runCommandLine(argv, terminal)
}

/** Runs one command line and returns the exit code: 0 done, 1 failed, 2 misused. */
export async function runCommandLine(argv: readonly string[], terminal: Terminal): Promise<number> {
  try {
    return await dispatch(argv, terminal)
  } catch (error) {
    const isMisuse =
      error instanceof UsageError ||
      (error instanceof AerieError && error.code === 'invalid_config')
    if (isMisuse || error instanceof AerieError || error instanceof CommandFailure) {
      terminal.stderr.write(`aerie: ${error.message}\n`)
      return isMisuse ? 2 : 1
    }
    // A port in use, a file that may not be read: the system's own words say enough.
    if (error instanceof Error && 'syscall' in error) {
      terminal.stderr.write(`aerie: ${error.message}\n`)
      return 1
    }
    throw error
  }
}

async function dispatch(argv: readonly string[], terminal: Terminal): Promise<number> {
  const print = (text: string) => terminal.stdout.write(`${text}\n`)
  const [first, ...rest] = argv
  if (first === '--version' || first === '-v') {
    print(version())
    return 0
  }
  const asksHelp = first === 'help' || first === '--help' || first === '-h'
  const words = asksHelp ? rest : argv
  if (words.length === 0) {
    if (asksHelp) print(generalHelp(COMMANDS))
    else terminal.stderr.write(`${generalHelp(COMMANDS)}\n`)
    return asksHelp ? 0 : 2
  }
  const family = COMMANDS.filter(({ name }) => name.startsWith(`${words[0]} `))
  if (family.length > 0 && (words.length === 1 ? asksHelp : words[1] === '--help')) {
    print(family.map(commandHelp).join('\n\n'))
    return 0
  }
  const command = findCommand(words)
  const args = words.slice(command.name.split(' ').length)
  const beforeEnd = args.includes('--') ? args.slice(0, args.indexOf('--')) : args
  if (asksHelp || beforeEnd.includes('--help') || beforeEnd.includes('-h')) {
    print(commandHelp(command))
    return 0
  }
  return command.run(parseArguments(command, args), terminal)
}

/** The command whose words open the line. */
function findCommand(words: readonly string[]): Command {
  const found = COMMANDS.find(({ name }) => name.split(' ').every((word, i) => words[i] === word))
  if (found) return found
  const family = COMMANDS.filter(({ name }) => name.startsWith(`${words[0]} `)).map((c) => c.name)
  if (family.length > 0) {
    throw new UsageError(`${words[0]}: expected one of ${family.map((n) => `\`${n}\``).join(', ')}`)
  }
  const near = nearest(
    words[0]!,
    COMMANDS.map(({ name }) => name),
  )
  throw new UsageError(
    `unknown command '${words[0]}'; ${near ? `did you mean ${near}?` : 'see `aerie --help`'}`,
  )
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
