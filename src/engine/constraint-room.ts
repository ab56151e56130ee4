/** The worker's grammars: made when the first constraint comes, and requests that wait for theirs. */
import { AerieError, toWireError, type WireError } from '../errors.ts'
import { type GrammarStats, Grammars } from '../grammar/grammars.ts'
import type { Vocabulary } from '../grammar/vocabulary.ts'
import type { Constraint } from './constraint.ts'
import type { Command } from './engine-core.ts'
import type { GenerateMessage, GrammarLimits } from './engine-messages.ts'
import type { RequestId } from './sequence.ts'
import { NO_GRAMMARS } from './stats-log.ts'

/** What came of a request that waited: a command, an error, or neither where it was given up. */
interface Begun {
  readonly command?: Command
  readonly error?: WireError
}

export class ConstraintRoom {
  readonly #limits: GrammarLimits
  #grammars: Grammars | undefined
  /** Requests whose constraints are being compiled. */
  readonly #waiting = new Set<RequestId>()

  constructor(limits: GrammarLimits) {
    this.#limits = limits
  }

  async compile(constraint: Constraint, vocabulary: Vocabulary | undefined) {
    if (!vocabulary) throw new AerieError('backend_failure', 'the engine was given no vocabulary')
    this.#grammars ??= new Grammars({ ...this.#limits, vocabulary })
    return await this.#grammars.compile(constraint)
  }

  async begin({ id, request, vocabulary }: GenerateMessage): Promise<Begun> {
    this.#waiting.add(id)
    try {
      const grammar = await this.compile(request.constraint!, vocabulary)
      return this.#waiting.has(id) ? { command: { type: 'generate', id, request, grammar } } : {}
    } catch (error) {
      return this.#waiting.has(id) ? { error: toWireError(error) } : {}
    } finally {
      this.#waiting.delete(id)
    }
  }

  /** Whether the command was for a request that had not begun. */
  abandon(command: Command): boolean {
    return command.type === 'abort' && this.#waiting.delete(command.id)
  }

  waited(masks: number, ms: number): void {
    this.#grammars?.waited(masks, ms)
  }

  steered(): void {
    this.#grammars?.steered()
  }

  stats(): GrammarStats {
    return this.#grammars?.stats() ?? NO_GRAMMARS
  }

  async dispose(): Promise<void> {
    await this.#grammars?.dispose()
  }
}
