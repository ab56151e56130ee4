/** Entry of the thread that decodes one sound and ends. */
import { parentPort, workerData } from 'node:worker_threads'
import { toWireError } from '../../errors.ts'
import { lastWordsOf } from '../ffmpeg/failure.ts'
import { decodeSound } from './decode-sound.ts'
import { hearSound } from './hear-sound.ts'
import type { FromSoundThread, SoundTask } from './sounds.ts'

const port = parentPort!
const abort = new AbortController()
// The one message there is: nobody waits for the sound any more. ffmpeg goes with it.
port.once('message', () => abort.abort())

function answer(message: FromSoundThread, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer)
  port.close()
}

try {
  const task = workerData as SoundTask
  if (task.do === 'hear') {
    const decoded = await hearSound(task, abort.signal)
    answer({ type: 'decoded', decoded }, [decoded.mel.buffer])
  } else {
    const decoded = await decodeSound(task, abort.signal)
    answer({ type: 'decoded', decoded }, [decoded.mel.data.buffer])
  }
} catch (error) {
  const words = lastWordsOf(error)
  answer({ type: 'failed', error: toWireError(error), ...(words !== undefined && { words }) })
}
