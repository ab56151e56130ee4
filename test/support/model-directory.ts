/** Models that are loaded, as the edge is told of them. */
import type { CapabilityDocument } from '../../src/capabilities/document.ts'
import { AerieError } from '../../src/errors.ts'
import type { ModelDirectory, ModelStatus } from '../../src/serving/contract.ts'

export function statusOf(
  document: CapabilityDocument,
  changes: Partial<ModelStatus> = {},
): ModelStatus {
  const { id, family, created, inputModalities, outputModalities } = document
  return {
    ...{
      id,
      base: undefined,
      document,
      kind: 'chat',
      aliases: [],
      isPinned: false,
      state: 'loaded',
    },
    ...{ failure: undefined, bytes: 1024, leases: 0, waiting: 0, loads: 1, failures: 0 },
    ...{ evictions: { memory: 0, idle: 0, asked: 0 }, loadSeconds: 0.5 },
    outline: { family, created, inputModalities, outputModalities },
    ...changes,
  }
}

/** Nothing of it changes. */
export function directoryOf(models: readonly ModelStatus[]): ModelDirectory {
  const find = (name: string, wanted?: string) => {
    const found = models.find(({ id }) => id === name)
    if (found && wanted !== undefined && found.kind !== wanted) {
      const what = `model: ${name} is of another kind`
      throw new AerieError('unsupported_parameter', what, { param: 'model' })
    }
    if (found) return found
    throw new AerieError('model_not_found', `model '${name.slice(0, 80)}' is not served here`, {
      param: 'model',
    })
  }
  return {
    list: () => models,
    find,
    load: async (name) => find(name),
    unload: async (name) => find(name),
  }
}
