/** Models of a registry that are nothing but their sizes: loads end when the test says so. */
import type { CapabilityDocument } from '../../src/capabilities/document.ts'
import { AerieError } from '../../src/errors.ts'
import type { ConfiguredModel, Footprint, LoadedModel } from '../../src/serving/contract.ts'
import { ModelRegistry, type RegistryOptions } from '../../src/serving/registry.ts'
import { createLogger } from '../../src/telemetry/logger.ts'

export interface FakeModel extends ConfiguredModel {
  /** What became of it, in order: `find`, `open`, `fail`, `close`. */
  readonly log: string[]
  /** What the next loads fail with, and finding it. */
  failure: Error | undefined
  findFailure: Error | undefined
  /** What finding it waits for, and opening it. */
  findGate: Promise<void> | undefined
  openGate: Promise<void> | undefined
  bytes: number
}

export function fakeModel(
  id: string,
  bytes: number,
  changes: Partial<ConfiguredModel> = {},
): FakeModel {
  const outline = { family: 'fake', created: 1, inputModalities: [], outputModalities: [] }
  const model: FakeModel = {
    ...{
      id,
      aliases: [],
      adapters: [],
      kind: 'chat',
      outline,
      places: new Map([[`/models/${id}`, id]]),
    },
    ...{ isPinned: false, isPreloaded: false },
    ...changes,
    ...{
      log: [],
      failure: undefined,
      findFailure: undefined,
      findGate: undefined,
      openGate: undefined,
      bytes,
    },
    async find(signal) {
      model.log.push('find')
      await model.findGate
      if (signal.aborted) throw new AerieError('cancelled', 'given up')
      if (model.findFailure) throw model.findFailure
      const footprint: Footprint = { mapped: 0, held: model.bytes, reserved: 0 }
      return { footprint, isGiven: false, open: () => open(model) }
    },
  }
  return model
}

async function open(model: FakeModel): Promise<LoadedModel> {
  model.log.push('open')
  await model.openGate
  if (model.failure) {
    model.log.push('fail')
    throw model.failure
  }
  const nothing = { engine: undefined, encoder: undefined, speech: undefined }
  return {
    // Nobody looks into it.
    document: { id: model.id } as CapabilityDocument,
    adapters: model.adapters.map((id) => ({ id }) as CapabilityDocument),
    ...{ chat: undefined, embeddings: undefined, speech: undefined },
    stats: () => nothing,
    problems: () => [],
    drain: async () => undefined,
    async dispose() {
      await undefined
      model.log.push('close')
    },
  }
}

export function fakeRegistry(
  models: readonly FakeModel[],
  options: Partial<RegistryOptions> = {},
): ModelRegistry {
  const logger = createLogger({ level: 'silent' })
  return new ModelRegistry({ models, maxWaiting: 8, budgetBytes: 10, logger, ...options })
}
