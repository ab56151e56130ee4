/** Names that requests use: ids of models, their aliases, and their adapters. */
import { AerieError } from '../errors.ts'
import { nearest } from '../nearest.ts'
import type { ConfiguredModel, ModelKind, ResolvedName } from './contract.ts'

type Named = Pick<ConfiguredModel, 'id' | 'kind' | 'aliases' | 'adapters'>

/** What a model of a kind does instead of what is asked. */
const INSTEAD: Readonly<Record<ModelKind, Readonly<Partial<Record<ModelKind, string>>>>> = {
  chat: {
    tower:
      'embeds and does not answer; ask /v1/embeddings, and /v1/models/{model} for what a picture costs',
    speech: 'writes down speech and does nothing else; ask /v1/audio/transcriptions',
  },
  tower: {
    chat: 'answers and has no embeddings that were trained as such; ask /v1/chat/completions',
    speech: 'writes down speech and does nothing else; ask /v1/audio/transcriptions',
  },
  speech: {
    chat: 'hears nothing; a speech model, such as openai/whisper-tiny, writes down what is said',
    tower: 'hears nothing; a speech model, such as openai/whisper-tiny, writes down what is said',
  },
}

/** Of a list of served names in a message. */
const MOST_LISTED = 20

export class ModelNames {
  readonly #names = new Map<string, ResolvedName>()

  /** Throws `invalid_config` for a name that two of them have. */
  constructor(models: readonly Named[]) {
    for (const { id, kind, aliases, adapters } of models) {
      for (const name of [id, ...aliases]) this.#add(name, { id, kind, adapter: undefined })
      for (const adapter of adapters) this.#add(adapter, { id, kind, adapter })
    }
  }

  /** All of them, models first in their order. */
  all(): string[] {
    return [...this.#names.keys()]
  }

  /** Throws `model_not_found`, or, where a kind is wanted, `unsupported_parameter` for a model of another. */
  resolve(name: string, wanted?: ModelKind): ResolvedName {
    const found = this.#names.get(name)
    if (!found) throw this.#unknown(name)
    const instead = wanted && INSTEAD[wanted][found.kind]
    if (instead !== undefined) {
      throw new AerieError('unsupported_parameter', `model: ${name} ${instead}`, { param: 'model' })
    }
    return found
  }

  #unknown(name: string): AerieError {
    const served = this.all()
    const near = served.length > 1 ? nearest(name.slice(0, 200), served) : undefined
    const more = served.length > MOST_LISTED ? ` and ${served.length - MOST_LISTED} more` : ''
    const listed = `there is: ${served.slice(0, MOST_LISTED).join(', ')}${more}`
    const advice = near === undefined ? listed : `did you mean ${near}? ${listed}`
    const what = `model '${name.slice(0, 80)}' is not served here; ${advice}`
    return new AerieError('model_not_found', what, { param: 'model' })
  }

  #add(name: string, target: ResolvedName): void {
    const other = this.#names.get(name)
    if (other) {
      const isTwice = describe(other) === describe(target)
      const what = isTwice
        ? `models: '${name}' is named twice; give one another name, or leave it out`
        : `models: '${name}' names both ${describe(other)} and ${describe(target)}; give one another name`
      throw new AerieError('invalid_config', what)
    }
    this.#names.set(name, target)
  }
}

function describe({ id, adapter }: ResolvedName): string {
  return adapter === undefined ? `the model ${id}` : `an adapter of ${id}`
}
