/** Entry of the engine's worker thread: loads the decoder and serves it. */
import { parentPort, workerData } from 'node:worker_threads'
import { AdapterThread } from './adapter-loader.ts'
import { createBackend } from './backends/create.ts'
import type { EngineWorkerData } from './engine-messages.ts'
import { serveDecoder } from './engine-server.ts'
import { reportFailedStart, withRemarks } from './worker-start.ts'

const { modelDir, backend, backendOptions, scheduling, adapters } = workerData as EngineWorkerData
const port = parentPort!

await reportFailedStart(port, async () => {
  const runtime = await createBackend(backend)
  const options = withRemarks(port, backendOptions)
  const session = await runtime.loadDecoder(modelDir, options)
  serveDecoder(
    port,
    session,
    scheduling,
    adapters && {
      ...adapters,
      loader: new AdapterThread({ modelDir, backend, maxRank: adapters.maxRank }),
    },
  )
})
