/** Entry of the encoder's worker thread: loads the towers and serves them. */
import { parentPort, workerData } from 'node:worker_threads'
import { createBackend } from './backends/create.ts'
import type { EncoderWorkerData } from './encoder-messages.ts'
import { serveEncoder, serveTower } from './encoder-server.ts'
import { reportFailedStart, withRemarks } from './worker-start.ts'

const { modelDir, backend, backendOptions, maxBatch, maxTowerSessions } =
  workerData as EncoderWorkerData
const port = parentPort!

await reportFailedStart(port, async () => {
  const runtime = await createBackend(backend)
  const options = withRemarks(port, backendOptions)
  if (maxTowerSessions === undefined) {
    serveEncoder(port, await runtime.loadEncoder(modelDir, options), maxBatch)
  } else {
    const tower = await runtime.loadTower(modelDir, options, maxTowerSessions)
    serveTower(port, tower, maxBatch)
  }
})
