/** The backend of a model that is being opened. */
import type { FamilyGraphs } from '../../models/family.ts'
import type { Config } from '../config.ts'
import { type BackendName, chooseBackend } from '../engine/backends/choose.ts'
import type { Logger } from '../telemetry/logger.ts'

/** The log names it with the reason. Throws `invalid_config`. */
export function runtimeFor(
  graphs: Pick<FamilyGraphs, 'decoder' | 'encoder'>,
  config: Config,
  logger: Logger,
): BackendName {
  const { name, text } = chooseBackend(config.backend, graphs)
  logger.info({ backend: name, threads: config.threads }, `the model runs on ${text}`)
  return name
}
