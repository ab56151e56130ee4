/** The speech room of a server of several models. */
import { withDeadline } from '../deadline.ts'
import type { SpeechService } from '../speech/contract.ts'
import { borrow } from './borrow.ts'
import type { ModelLender } from './contract.ts'

export function routeSpeech(models: ModelLender, deadlineMs: number): SpeechService {
  return {
    checkModel: (name) => void models.resolve(name, 'speech'),

    async *transcribe(request, signal) {
      const { id } = models.resolve(request.model, 'speech')
      using deadline = withDeadline(signal, deadlineMs)
      using lease = await borrow(models, id, 'live', deadline)
      try {
        yield* lease.model.speech!.transcribe({ ...request, model: id }, deadline.signal)
      } catch (error) {
        throw deadline.explain(error)
      }
    },
  }
}
