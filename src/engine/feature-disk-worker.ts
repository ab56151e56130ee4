/** Entry of the thread that owns the feature cache on disk: reads at once, writes and looks around when nobody asks. */
import { parentPort, workerData } from 'node:worker_threads'
import type {
  FeatureDiskWorkerData,
  FromFeatureDisk,
  ToFeatureDisk,
} from './feature-disk-messages.ts'
import { FeatureFolder } from './feature-folder.ts'
import type { Features } from './types.ts'
import type { StartMessage } from './worker-host.ts'
import { reportFailedStart } from './worker-start.ts'

const { folder: path, maxBytes } = workerData as FeatureDiskWorkerData
const port = parentPort!
const say = (message: FromFeatureDisk) => port.postMessage(message)
const waiting: Features[] = []
let idle: NodeJS.Immediate | undefined

await reportFailedStart(port, async () => {
  const folder = new FeatureFolder({
    folder: path,
    maxBytes,
    onTrouble(what, error) {
      const { code, message } = error as NodeJS.ErrnoException
      say({ type: 'trouble', kind: `${what} ${code ?? ''}`, message: `${what}: ${message}` })
    },
  })

  /** One thing at a time: whoever asks meanwhile is answered in between. */
  const work = (): void => {
    const features = waiting.shift()
    if (features) write(features)
    const goesOn = folder.tend()
    if (!features && !goesOn) say({ type: 'stats', stats: folder.stats })
    idle = goesOn || waiting.length > 0 ? setImmediate(work) : undefined
  }

  const write = (features: Features): void => {
    folder.write(features)
    say({ type: 'written', bytes: features.data.byteLength, stats: folder.stats })
  }

  port.on('message', (message: ToFeatureDisk) => {
    if (message.type === 'read') {
      const features = folder.read(message.key)
      say({ type: 'read', id: message.id, features, stats: folder.stats })
    } else if (message.type === 'write') {
      waiting.push(message.features)
      idle ??= setImmediate(work)
    } else {
      if (idle) clearImmediate(idle)
      for (const features of waiting.splice(0)) folder.write(features)
      port.close()
    }
  })
  const ready: StartMessage<object> = { type: 'ready' }
  port.postMessage(ready)
  idle = setImmediate(work)
})
