/** What backends have in common: they open a model's files, make sessions of them, and close them again. */
import type { Graph } from '../../../models/graph/graph.ts'
import type { Backend, BackendOptions, DecoderSession } from '../backend.ts'
import { type ModelFiles, openModelFiles } from './model-files.ts'
import { SizedTower } from './sized-tower.ts'
import { type EncoderRunner, tileEncoder } from './tile-encoder.ts'

/** How a runtime makes its sessions. The model may be closed afterwards. */
export interface SessionMakers {
  decoder(files: ModelFiles, options: BackendOptions): Promise<DecoderSession>
  /** For one output of a graph of towers. */
  runner(
    graph: Graph,
    output: string,
    files: ModelFiles,
    options: BackendOptions,
  ): Promise<EncoderRunner>
}

export function fileBackend(name: Backend['name'], { decoder, runner }: SessionMakers): Backend {
  return {
    name,
    async loadDecoder(directory, options) {
      const files = await openModelFiles(directory)
      await using _checkpoint = files.checkpoint
      return await decoder(files, options)
    },
    async loadEncoder(directory, options) {
      const files = await openModelFiles(directory)
      await using _checkpoint = files.checkpoint
      return await tileEncoder(files, (graph, output) => runner(graph, output, files, options))
    },
    async loadTower(directory, options, maxSessions) {
      return await SizedTower.load(directory, maxSessions, (graph, output, files) =>
        runner(graph, output, files, options),
      )
    },
  }
}
