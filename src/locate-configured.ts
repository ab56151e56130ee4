/** Finds the model that the configuration names. */
import type { Config } from './config.ts'
import type { HubAccess } from './hub/hub-client.ts'
import type { LocatedModel } from './import/locate-model.ts'
import type { OnProgress } from './import/progress.ts'
import type { Logger } from './telemetry/logger.ts'

export interface LocateOptions {
  /** How the hub is reached; absent: it is not. */
  readonly hub?: HubAccess & { readonly offline: boolean }
  /** Told while a model is fetched and imported. */
  readonly onProgress?: OnProgress
  readonly signal?: AbortSignal
}

/** The model that ships with the server. */
const STARTER = new URL('../models/starter/', import.meta.url).pathname

/** Where the configured model lies; one of the hub is fetched and imported first. Rejects as `locateModel` does. */
export async function locateConfigured(
  config: Config,
  { hub, onProgress, signal }: LocateOptions,
  logger: Logger,
): Promise<LocatedModel> {
  if (config.model === 'starter')
    return { directory: STARTER, name: 'starter', manifest: undefined }
  const { model, revision, modelsDir, offline, verify } = config
  const { locateModel } = await import('./import/locate-model.ts')
  const located = await locateModel(
    { model, revision },
    {
      modelsDir,
      verify,
      hub: hub ?? {},
      offline: offline || hub === undefined || hub.offline,
      onProgress,
      ...(signal && { signal }),
    },
  )
  if (located.remark !== undefined) logger.warn(located.remark)
  return located
}
