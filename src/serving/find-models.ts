/** Finds the models that the configuration names, and says how each is opened. */
import { readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { adapterSources } from '../adapters/open-adapters.ts'
import { inputModalities, soundBounds, videoBounds } from '../chat/model.ts'
import type { Config } from '../config.ts'
import { type ModelSpec, modelSpecs } from '../config-models.ts'
import { AerieError } from '../errors.ts'
import { type LocateOptions, locateConfigured } from '../locate-configured.ts'
import type { FoundModel } from '../model-facts.ts'
import { isModelFile } from '../model-file.ts'
import type { Logger } from '../telemetry/logger.ts'
import { openModelSource } from '../weights/model-source.ts'
import { checkSettings, KINDS } from './check-settings.ts'
import type { ConfiguredModel, LoadedModel, ModelKind, ModelOutline } from './contract.ts'
import { footprintOf } from './footprint.ts'
import { openChat } from './open-chat.ts'
import { openSpeech } from './open-speech.ts'
import { openTower } from './open-tower.ts'
import type { Rooms } from './rooms.ts'

export function kindOf({ model }: Pick<FoundModel, 'model'>): ModelKind {
  if (model.speech) return 'speech'
  return model.embeddingTower ? 'tower' : 'chat'
}

/**
 * All of them, in order; what is to be fetched from the hub is fetched now, and never while a request waits.
 * Rejects as `locateModel` does, with the name of the model where there are several.
 */
export async function findModels(
  config: Config,
  options: LocateOptions,
  rooms: Rooms,
  logger: Logger,
): Promise<readonly ConfiguredModel[]> {
  const specs = modelSpecs(config)
  const models: ConfiguredModel[] = []
  for (const spec of specs) {
    try {
      models.push(
        await configured(spec, await findModel(spec.config, options, logger), rooms, logger),
      )
    } catch (error) {
      if (specs.length === 1 || !(error instanceof AerieError)) throw error
      const what = `models: ${spec.name ?? spec.config.model}: ${error.message}`
      throw new AerieError(error.code, what, { cause: error })
    }
  }
  return models
}

export async function findModel(
  config: Config,
  options: LocateOptions,
  logger: Logger,
): Promise<FoundModel> {
  const located = await locateConfigured(config, options, logger)
  return { ...located, ...(await openModelSource(located.directory)) }
}

/** The one model, or the first of several that answers, with the configuration that holds for it. Rejects with `invalid_package`. */
export async function findAnswering(
  config: Config,
  options: LocateOptions,
  logger: Logger,
): Promise<{ readonly found: FoundModel; readonly config: Config }> {
  let other: FoundModel | undefined
  for (const { name, config: own } of modelSpecs(config)) {
    const found = await findModel(own, options, logger)
    if (kindOf(found) === 'chat')
      return { found: name === undefined ? found : { ...found, name }, config: own }
    other ??= found
  }
  const { directory, model } = other!
  const what = `a ${model.family.modelType} checkpoint ${KINDS[kindOf(other!)]}, so it cannot hold a conversation`
  throw new AerieError('invalid_package', `${directory}: ${what}`)
}

async function configured(
  spec: ModelSpec,
  first: FoundModel,
  rooms: Rooms,
  logger: Logger,
): Promise<ConfiguredModel> {
  const { name, aliases, isPinned, isPreloaded, memoryBytes, config } = spec
  const id = name ?? first.name
  const kind = kindOf(first)
  await checkSettings(spec, first, kind)
  const adapters = adapterSources(config.adapters)
  return {
    ...{ id, aliases, kind, isPinned, isPreloaded },
    adapters: adapters.map((adapter) => adapter.name),
    outline: await outlineOf(first, kind, config),
    places: new Map([
      [first.directory, id],
      ...adapters.map((adapter) => [adapter.folder, adapter.name] as const),
    ]),
    async find(signal) {
      // Without a hub: what was there at the start is not fetched in the middle of a request.
      const again = await findModel(config, { signal }, logger).catch(async (error) => {
        throw (await isGone(first.directory)) ? gone(first.directory, error) : error
      })
      const found = { ...again, name: id }
      const now = kindOf(found)
      if (now !== kind) {
        const what = `${found.directory}: it ${KINDS[now]}, and when the server started it was one that ${KINDS[kind]}`
        throw new AerieError('invalid_package', what)
      }
      return {
        isGiven: memoryBytes !== undefined,
        footprint:
          memoryBytes === undefined
            ? await footprintOf(found, kind, config)
            : { mapped: 0, held: memoryBytes, reserved: 0 },
        open: () => openFound(found, config, rooms, logger),
      }
    },
  }
}

async function isGone(path: string): Promise<boolean> {
  return await stat(path).then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === 'ENOENT',
  )
}

function gone(path: string, cause: unknown): AerieError {
  return new AerieError('invalid_package', `${path} is not there any more`, { cause })
}

function openFound(
  found: FoundModel,
  config: Config,
  rooms: Rooms,
  logger: Logger,
): Promise<LoadedModel> {
  const { speech, embeddingTower } = found.model
  if (speech) return openSpeech(found, config, rooms, logger)
  if (embeddingTower) return openTower(found, embeddingTower, config, rooms, logger)
  return openChat(found, config, rooms, logger)
}

async function outlineOf(
  { directory, manifest, model }: FoundModel,
  kind: ModelKind,
  config: Config,
): Promise<ModelOutline> {
  const created = manifest ? Date.parse(manifest.created) : await lastChange(directory)
  return {
    family: model.family.modelType,
    created: Math.floor(created / 1000),
    ...(kind === 'chat'
      ? { inputModalities: seenBy(model, config), outputModalities: ['text'] }
      : kind === 'tower'
        ? {
            inputModalities: model.embeddingTower?.text ? ['text', 'image'] : ['image'],
            outputModalities: ['embedding'],
          }
        : { inputModalities: ['audio'], outputModalities: ['text'] }),
  }
}

function seenBy(model: FoundModel['model'], config: Config): ModelOutline['inputModalities'] {
  const { preprocessing, limits } = model
  const maxImages = Math.min(limits.maxImages, config.maxImagesPerRequest)
  return inputModalities({
    preprocessing,
    limits: { ...limits, maxImages },
    ...videoBounds(model, config, config),
    ...soundBounds(model, { idOf: () => undefined }, config),
  })
}

/** Of the files of a model, in milliseconds. */
async function lastChange(path: string): Promise<number> {
  const folder = (await isModelFile(path)) ? dirname(path) : path
  const names = folder === path ? await readdir(path) : [path.slice(folder.length + 1)]
  const times = await Promise.all(
    names.map(async (name) => (await stat(join(folder, name))).mtimeMs),
  )
  return Math.max(0, ...times)
}
