/** Entry of the speech worker's thread: loads the model and serves it. */
import { parentPort, workerData } from 'node:worker_threads'
import { loadSpeech } from '../engine/backends/speech-session.ts'
import { reportFailedStart, withRemarks } from '../engine/worker-start.ts'
import type { SpeechWorkerData } from './messages.ts'
import { SpeechServer } from './speech-server.ts'

const { modelDir, backend, backendOptions, maxRows } = workerData as SpeechWorkerData
const port = parentPort!

await reportFailedStart(port, async () => {
  const session = await loadSpeech(modelDir, backend, withRemarks(port, backendOptions))
  new SpeechServer(port, session, maxRows)
})
