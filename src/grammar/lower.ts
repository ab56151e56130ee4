/** A constraint as the engine is given it → one grammar. */
import type { Constraint, Tag } from '../engine/constraint.ts'
import { parseEbnf } from './ebnf.ts'
import {
  chars,
  choice,
  type Expr,
  type Grammar,
  inverted,
  optional,
  refuse,
  repeat,
  rule,
  sequence,
  text,
} from './expression.ts'
import { wholeMatch } from './regex.ts'
import { lowerSchema } from './schema/schema-lowering.ts'
import type { SpecialToken, Vocabulary } from './vocabulary.ts'

type Triggered = Extract<Constraint, { kind: 'triggered' }>
type Separated = Extract<Constraint, { kind: 'separated' }>

const PLAIN = { stripsLeadingSpace: false, special: [] }

/** Characters of all triggers together. */
const MOST_TRIGGER_CHARACTERS = 2000

/**
 * Throws `invalid_request` or `unsupported_parameter`, naming the field and what in it. Of the vocabulary: whether there may be a space before
 * all, which the detokenizer takes off again, and the special tokens that may stand for their texts in literals.
 */
export function lower(
  constraint: Constraint,
  { stripsLeadingSpace, special }: Pick<Vocabulary, 'stripsLeadingSpace' | 'special'> = PLAIN,
): Grammar {
  const lowering = new Lowering(special)
  const root = lowering.lower(constraint)
  return {
    rules: lowering.rules,
    root: stripsLeadingSpace ? sequence(optional(text(' ')), root) : root,
  }
}

class Lowering {
  readonly rules = new Map<string, Expr>()
  readonly #special: readonly SpecialToken[]
  #names = 0

  constructor(special: readonly SpecialToken[]) {
    this.#special = special
  }

  lower(constraint: Constraint): Expr {
    switch (constraint.kind) {
      case 'literal':
        return this.#literal(constraint.text)
      case 'json': {
        const { schema, param = 'schema' } = constraint
        return lowerSchema(schema, param, this.rules, `json-${this.#names++}`)
      }
      case 'regex':
        return wholeMatch(constraint.pattern, constraint.param ?? 'regex')
      case 'grammar':
        return this.#ebnf(constraint.text, constraint.param ?? 'grammar')
      case 'text':
        return repeat(chars(inverted([])), 0)
      case 'sequence':
        return sequence(...constraint.of.map((part) => this.lower(part)))
      case 'choice':
        return choice(constraint.of.map((part) => this.lower(part)))
      case 'tag':
        return this.#tag(constraint)
      case 'triggered':
        return this.#triggered(constraint)
      case 'separated':
        return this.#separated(constraint)
    }
  }

  #tag({ begin, content, end }: Tag): Expr {
    // Any text before an end is text without that end.
    const inner =
      content.kind === 'text' && end !== '' ? this.#textUntil([end]) : this.lower(content)
    return sequence(this.#literal(begin), inner, this.#literal(end))
  }

  /** A text, in which special tokens may stand for their names. */
  #literal(value: string): Expr {
    const parts: Expr[] = []
    let plain = ''
    for (let at = 0; at < value.length; ) {
      const token = this.#special.find(({ text: name }) => value.startsWith(name, at))
      if (token) {
        parts.push(text(plain), choice([text(token.text), { kind: 'token', id: token.id }]))
        plain = ''
      } else plain += value[at]
      at += token?.text.length ?? 1
    }
    return sequence(...parts, text(plain))
  }

  /** A user's grammar beside others: its names are made its own. */
  #ebnf(source: string, where: string): Expr {
    const { rules } = parseEbnf(source, where)
    const prefix = `ebnf-${this.#names++}:`
    for (const [name, body] of rules) this.rules.set(prefix + name, renamed(body, prefix))
    return rule(`${prefix}root`)
  }

  #triggered({ triggers, tags, atLeastOne, stopAfterFirst }: Triggered): Expr {
    for (const { begin } of tags) {
      if (!triggers.some((trigger) => trigger !== '' && begin.startsWith(trigger)))
        throw refuse('triggers', `none is the beginning of the tag ${JSON.stringify(begin)}`)
    }
    const free = this.#textUntil(triggers)
    const tag = choice(tags.map((each) => this.#tag(each)))
    const more = sequence(tag, free)
    if (stopAfterFirst) return atLeastOne ? tag : choice([free, sequence(free, tag)])
    return atLeastOne ? sequence(tag, free, repeat(more, 0)) : sequence(free, repeat(more, 0))
  }

  #separated({ separator, tags, atLeastOne, stopAfterFirst }: Separated): Expr {
    const tag = choice(tags.map((each) => this.#tag(each)))
    const all = stopAfterFirst
      ? tag
      : sequence(tag, repeat(sequence(this.#literal(separator), tag), 0))
    return atLeastOne ? all : optional(all)
  }

  /** Any text in which none of these stands: their automaton (Aho and Corasick 1975) as rules. */
  #textUntil(words: readonly string[]): Expr {
    const all = words.map((word) => [...word]).filter((word) => word.length > 0)
    if (all.length === 0) return repeat(chars(inverted([])), 0)
    if (all.reduce((sum, { length }) => sum + length, 0) > MOST_TRIGGER_CHARACTERS)
      throw refuse('triggers', `expected at most ${MOST_TRIGGER_CHARACTERS} characters in all`)
    const states = prefixesOf(all)
    const prefix = `until-${this.#names++}:`
    for (const state of states) {
      const ways = new Map<string, number[]>()
      const known = new Set(all.flat())
      for (const char of known) {
        const next = longestSuffix(state + char, states)
        if (all.some((word) => next.endsWith(word.join('')))) continue
        const code = char.codePointAt(0)!
        ways.set(next, [...(ways.get(next) ?? []), code, code])
      }
      const codes = [...known].flatMap((char) => [char.codePointAt(0)!, char.codePointAt(0)!])
      ways.set('', [...(ways.get('') ?? []), ...inverted(codes)])
      this.rules.set(
        prefix + state,
        optional(
          choice(
            [...ways].map(([next, ranges]) => sequence(chars(sorted(ranges)), rule(prefix + next))),
          ),
        ),
      )
    }
    return rule(prefix)
  }
}

function sorted(ranges: readonly number[]): number[] {
  return inverted(inverted(ranges))
}

/** All beginnings of words, the empty one among them. */
function prefixesOf(words: readonly (readonly string[])[]): Set<string> {
  const prefixes = new Set([''])
  for (const word of words) {
    for (let i = 1; i <= word.length; i++) prefixes.add(word.slice(0, i).join(''))
  }
  return prefixes
}

function longestSuffix(text: string, known: ReadonlySet<string>): string {
  const all = [...text]
  for (let from = 0; from < all.length; from++) {
    const suffix = all.slice(from).join('')
    if (known.has(suffix)) return suffix
  }
  return ''
}

function renamed(expr: Expr, prefix: string): Expr {
  switch (expr.kind) {
    case 'rule':
      return rule(prefix + expr.name)
    case 'repeat':
      return { ...expr, of: renamed(expr.of, prefix) }
    case 'sequence':
    case 'choice':
      return { ...expr, of: expr.of.map((part) => renamed(part, prefix)) }
    default:
      return expr
  }
}
