/** What the engine and its grammar threads say to each other. */
import type { Constraint } from '../engine/constraint.ts'
import type { WireError } from '../errors.ts'
import type { Automaton } from './automaton.ts'
import type { ClassTokens } from './class-tokens.ts'
import type { Ranges } from './expression.ts'
import type { PositionPath } from './matcher.ts'
import type { TokenTree, Vocabulary } from './vocabulary.ts'

export interface GrammarWorkerData {
  readonly vocabulary: Vocabulary
}

export type GrammarJob =
  | { readonly type: 'compile'; readonly constraint: Constraint }
  | { readonly type: 'tree' }
  | { readonly type: 'class'; readonly ranges: Ranges }
  /** Automata are kept by their number. */
  | {
      readonly type: 'mask'
      readonly grammar: number
      readonly automaton: Automaton
      readonly path: PositionPath
    }

export interface GrammarResults {
  readonly compile: Automaton
  readonly tree: TokenTree
  readonly class: ClassTokens
  readonly mask: Uint32Array
}

export type ToGrammar = GrammarJob & { readonly id: number }

export type FromGrammar =
  | {
      readonly id: number
      readonly result: GrammarResults[GrammarJob['type']]
    }
  | { readonly id: number; readonly error: WireError }
