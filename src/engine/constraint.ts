import { AerieError } from '../errors.ts'

/**
 * What an answer may say, as a tree that whoever asks builds and the grammar room compiles. Plain JSON, as it crosses threads.
 * The pieces are those of XGrammar's structural tags. `param` is the field that a piece stands in, for messages.
 */
export type Constraint =
  /** This text and no other. */
  | { readonly kind: 'literal'; readonly text: string }
  /** A JSON text that the schema allows; `true` allows any. */
  | { readonly kind: 'json'; readonly schema: JsonSchema; readonly param?: string }
  /** A whole match of an ECMAScript-like regular expression. */
  | { readonly kind: 'regex'; readonly pattern: string; readonly param?: string }
  /** A grammar in EBNF as of GBNF and XGrammar, from its rule `root`. */
  | { readonly kind: 'grammar'; readonly text: string; readonly param?: string }
  /** Any text. */
  | { readonly kind: 'text' }
  | { readonly kind: 'sequence'; readonly of: readonly Constraint[] }
  /** One of them. */
  | { readonly kind: 'choice'; readonly of: readonly Constraint[] }
  | ({ readonly kind: 'tag' } & Tag)
  /**
   * Any text in which each trigger, a prefix of `begin` of one tag or more, begins one of these tags. `atLeastOne`: the text
   * begins with a tag; `stopAfterFirst`: it ends with its first one.
   */
  | {
      readonly kind: 'triggered'
      readonly triggers: readonly string[]
      readonly tags: readonly Tag[]
      readonly atLeastOne: boolean
      readonly stopAfterFirst: boolean
    }
  /** Tags and nothing else, with the separator between them. */
  | {
      readonly kind: 'separated'
      readonly separator: string
      readonly tags: readonly Tag[]
      readonly atLeastOne: boolean
      readonly stopAfterFirst: boolean
    }

/** A text between two literals. */
export interface Tag {
  readonly begin: string
  readonly content: Constraint
  readonly end: string
}

/** A JSON Schema as it was parsed: an object of keywords, or true or false. */
export type JsonSchema = boolean | { readonly [keyword: string]: unknown }

/** Objects and lists in each other; schemas that are kept to need far fewer, and more do not cross threads. */
const MOST_NESTED = 512

/** Throws `invalid_request` with the field of a constraint that is nested deeper than threads, or those who read it, could take. */
export function refuseDeep(constraint: Constraint): void {
  const work: (readonly [value: object, depth: number])[] = [[constraint, 1]]
  for (let next = work.pop(); next; next = work.pop()) {
    const [value, depth] = next
    if (depth > MOST_NESTED) {
      const param = fieldOf(constraint)
      throw new AerieError('invalid_request', `${param}: nested more than ${MOST_NESTED} deep`, {
        param,
      })
    }
    for (const inner of Object.values(value)) {
      if (typeof inner === 'object' && inner !== null) work.push([inner, depth + 1])
    }
  }
}

/** The field that a constraint stands in, for messages. */
export function fieldOf(constraint: Constraint): string {
  return ('param' in constraint && constraint.param) || 'constraint'
}
