/** What backends have in common: they open a model's files, make sessions of them, and close them again. */
import { AerieError } from '../../errors.ts'
import type { Backend, BackendOptions, DecoderSession } from '../backend.ts'
import { type ModelFiles, openModelFiles } from './model-files.ts'
import { SizedTower } from './sized-tower.ts'
import { type RunnerMaker, tileEncoder } from './tile-encoder.ts'

/** How a runtime makes its sessions. The model may be closed afterwards. */
export interface SessionMakers {
  decoder(files: ModelFiles, options: BackendOptions): Promise<DecoderSession>
  /** For the sessions of one load, however late the last of them is made. */
  runners(options: BackendOptions): Promise<RunnerMaker>
  /** Absent: decoders take no adapters. */
  readonly prepareAdapter?: NonNullable<Backend['prepareAdapter']>
}

export function fileBackend(
  name: Backend['name'],
  { decoder, runners, prepareAdapter }: SessionMakers,
): Backend {
  return {
    name,
    ...(prepareAdapter && { prepareAdapter }),
    async loadDecoder(directory, options) {
      if (options.adapters && !prepareAdapter)
        throw new AerieError('invalid_config', `adapters need the native runtime; this is ${name}`)
      const files = await openModelFiles(directory)
      await using _checkpoint = files.checkpoint
      return await decoder(files, options)
    },
    async loadEncoder(directory, options) {
      const files = await openModelFiles(directory)
      await using _checkpoint = files.checkpoint
      const maker = await runners(options)
      try {
        return await tileEncoder(files, (graph, output) => maker.load(graph, output, files))
      } finally {
        maker.close()
      }
    },
    async loadTower(directory, options, maxSessions) {
      return await SizedTower.load(directory, maxSessions, await runners(options))
    },
  }
}
