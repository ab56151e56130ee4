/** Help texts, made from the commands' descriptions and the configuration's schema. */
import { CONFIG_GROUPS, CONFIG_KEYS, type KeySchema } from '../config-schema.ts'
import { formatNumber, kebab, upperSnake } from '../config-value.ts'
import type { Command } from './command.ts'

const WIDTH = 100

/** `aerie --help`. */
export function generalHelp(commands: readonly Command[]): string {
  return [
    "aerie: pictures in, answers out, over OpenAI's HTTP API, on a plain CPU",
    '',
    'Usage: aerie <command> [options]',
    '',
    'Commands:',
    ...columns(commands.map((command) => [command.name, command.summary])),
    '',
    'Options:',
    ...columns([
      ['--help', 'this text, or the help of the command before it'],
      ['--version', 'the version alone'],
    ]),
    '',
    'Examples:',
    ...commands.map((command) => `  ${command.examples[0]}`),
  ].join('\n')
}

/** `aerie <command> --help`. */
export function commandHelp(command: Command): string {
  const lines = [
    `aerie ${command.name}: ${command.summary}`,
    '',
    `Usage: aerie ${command.name} ${command.operands}`.trimEnd(),
  ]
  if (command.details.length > 0) lines.push('', ...command.details)
  const own = Object.entries(command.options).map(([name, spec]): [string, string] => [
    `--${name}${spec.type === 'string' ? ` <${spec.value ?? 'text'}>` : ''}`,
    spec.description + (spec.default === undefined ? '' : ` (default ${spec.default})`),
  ])
  lines.push('', 'Options:', ...columns([...own, ['--help', 'this text']]))
  for (const group of CONFIG_GROUPS) {
    const rows = command.configKeys.flatMap((key): [string, string][] => {
      const schema = CONFIG_KEYS.get(key)
      return schema?.group === group ? [[flagText(key, schema), flagNote(schema)]] : []
    })
    if (rows.length > 0) lines.push('', `${group}:`, ...columns(rows))
  }
  if (command.configKeys.length > 0) {
    lines.push(
      '',
      'Configuration:',
      ...columns([['--config <file>', 'JSON or YAML with the keys of docs/config.md']]),
      `  Each flag is also a key of that file and a variable, such as ${upperSnake('maxRunning')}.`,
      '  Defaults, then the file, then the environment, then the flags: the last one wins.',
    )
  }
  return [...lines, '', 'Examples:', ...command.examples.map((e) => `  ${e}`)].join('\n')
}

/** A key's default as people write it. */
export function defaultText(schema: KeySchema): string {
  if (schema.defaultText !== undefined) return schema.defaultText
  return typeof schema.default === 'number'
    ? formatNumber(schema, schema.default)
    : String(schema.default)
}

function flagText(key: string, schema: KeySchema): string {
  if (schema.type === 'boolean') return `--${kebab(key)}`
  const choices = schema.anyOf?.flatMap((s) => (s.type === 'boolean' ? [true, false] : [s.const]))
  const value =
    choices?.join('|') ??
    (schema.type === 'array'
      ? 'list'
      : schema.type === 'string'
        ? 'text'
        : schema.unit === 'bytes'
          ? 'size'
          : schema.unit === 'ms'
            ? 'ms'
            : 'n')
  return `--${kebab(key)} <${value}>`
}

const flagNote = (schema: KeySchema) => `${schema.description} (default ${defaultText(schema)})`

/** Two columns, the second wrapped. */
function columns(rows: readonly (readonly [string, string])[]): string[] {
  const left = Math.min(34, Math.max(...rows.map(([name]) => name.length)))
  return rows.flatMap(([name, text]) => {
    const lines = wrap(text, WIDTH - left - 4)
    const first = name.length > left ? [`  ${name}`] : []
    return [
      ...first,
      ...lines.map((line, i) => `  ${(i === 0 && !first[0] ? name : '').padEnd(left)}  ${line}`),
    ]
  })
}

function wrap(text: string, width: number): string[] {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1)!
    if (line !== '' && line.length + 1 + word.length > width) lines.push(word)
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
  }
  return lines
}
