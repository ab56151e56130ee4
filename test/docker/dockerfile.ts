/** Reads a Dockerfile and a .dockerignore as far as ours use them; anything else is refused by name. */

export interface Instruction {
  /** `RUN`, `COPY`, … */
  readonly name: string
  readonly value: string
  /** First line in the file, from 1. */
  readonly line: number
}

export interface Stage {
  readonly base: string
  readonly alias: string | undefined
  readonly instructions: readonly Instruction[]
}

const KNOWN = new Set(
  'FROM WORKDIR COPY RUN ARG LABEL ENV USER EXPOSE STOPSIGNAL HEALTHCHECK ENTRYPOINT CMD'.split(
    ' ',
  ),
)

/** Text → stages. Throws for an instruction that the chroot build could not carry out. */
export function parseDockerfile(text: string): Stage[] {
  const stages: { base: string; alias: string | undefined; instructions: Instruction[] }[] = []
  for (const instruction of joinLines(text)) {
    const { name, value, line } = instruction
    if (!KNOWN.has(name)) throw new Error(`line ${line}: ${name} is not known here`)
    if (name === 'FROM') {
      const [base, , alias] = value.split(/\s+/)
      stages.push({ base: base!, alias, instructions: [] })
    } else {
      const stage = stages.at(-1)
      if (!stage) throw new Error(`line ${line}: ${name} before the first FROM`)
      stage.instructions.push(instruction)
    }
  }
  return stages
}

/** `A=1 B="two words"` → pairs. */
export function parsePairs(value: string): [string, string][] {
  return [...value.matchAll(/([\w.]+)=("(?:[^"\\]|\\.)*"|\S*)/g)].map(([, key, text]) => [
    key!,
    text!.replace(/^"(.*)"$/, '$1'),
  ])
}

/** A predicate over paths relative to the build context, as .dockerignore says: the last match decides. */
export function parseDockerignore(text: string): (path: string) => boolean {
  const rules = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const isException = line.startsWith('!')
      return { isException, pattern: toRegExp(line.replace(/^!/, '')) }
    })
  return (path) =>
    rules.reduce((ignored, rule) => (rule.pattern.test(path) ? !rule.isException : ignored), false)
}

/** A pattern also covers whatever lies below what it names. */
function toRegExp(pattern: string): RegExp {
  const body = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*\*\/|\*\*|\*|\?/g, (glob) =>
      glob === '**/' ? '(?:.*/)?' : glob === '**' ? '.*' : glob === '*' ? '[^/]*' : '[^/]',
    )
  return new RegExp(`^${body}(?:/.*)?$`)
}

/** Drops comments, joins continued lines. */
function joinLines(text: string): Instruction[] {
  const instructions: Instruction[] = []
  let pending = ''
  let start = 0
  for (const [i, raw] of text.split('\n').entries()) {
    if (/^\s*(#|$)/.test(raw)) continue
    if (pending === '') start = i + 1
    pending += raw.replace(/\\\s*$/, '')
    if (/\\\s*$/.test(raw)) continue
    const [, name, value] = /^\s*(\w+)\s+(.*)$/s.exec(pending) ?? []
    if (name === undefined) throw new Error(`line ${start}: not an instruction`)
    instructions.push({ name: name.toUpperCase(), value: value!.trim(), line: start })
    pending = ''
  }
  return instructions
}
