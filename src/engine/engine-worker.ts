/** Entry of the engine's worker thread: loads the decoder and serves it. */
import { parentPort, workerData } from 'node:worker_threads'
import { createBackend } from './backends/create.ts'
import type { EngineWorkerData } from './engine-messages.ts'
import { serveDecoder } from './engine-server.ts'
import { reportFailedStart, withRemarks } from './worker-start.ts'

const data = workerData as EngineWorkerData
const { modelDir, backend, backendOptions } = data
const port = parentPort!

await reportFailedStart(port, async () => {
  const runtime = await createBackend(backend)
  const options = withRemarks(port, backendOptions)
  serveDecoder(port, await runtime.loadDecoder(modelDir, options), data)
})
