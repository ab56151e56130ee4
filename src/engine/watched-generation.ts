/** A generation whose events somebody sees before their reader does. */
import type { Generation, GenerationEvent } from './types.ts'

export function watchedGeneration(
  generation: Generation,
  see: (event: GenerationEvent) => void,
): Generation {
  return {
    get unread() {
      return generation.unread
    },
    stop: (choice) => generation.stop(choice),
    [Symbol.asyncIterator]() {
      const events = generation[Symbol.asyncIterator]()
      return {
        async next() {
          const result = await events.next()
          if (!result.done) see(result.value)
          return result
        },
        async return() {
          return (await events.return?.()) ?? { done: true, value: undefined }
        },
      }
    },
  }
}
