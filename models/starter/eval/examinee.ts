/** The model under examination, asked in this process along the whole path that a request takes. */

import type { ContentPart } from '../../../src/chat/contract.ts'
import { readConfig } from '../../../src/config.ts'
import { openModel } from '../../../src/main.ts'
import type { Drawing } from './draw.ts'

export interface Examinee {
  readonly id: string
  /** Greedy answer to one question about a picture, a sound (WAV), both or neither. Rejects with the server's error. */
  ask(question: string, picture: Drawing | undefined, sound?: Buffer): Promise<string>
  close(): Promise<void>
}

/** JSON about five objects takes about 120 tokens. */
const BACKGROUND = {
  requestId: 'starter-eval',
  maxTokens: 200,
  priority: 'batch',
  tenant: 'starter-eval',
} as const

/** Loads a model: `starter`, or the folder of a checkpoint. */
export async function openExaminee(model: string): Promise<Examinee> {
  const opened = await openModel(await readConfig({ model, maxWaiting: 1024, logLevel: 'warn' }))
  return {
    id: opened.document.id,
    async ask(question, picture, sound) {
      const content: ContentPart[] = [{ type: 'text', text: question, param: 'question' }]
      if (picture !== undefined) {
        const url = `data:${picture.mediaType};base64,${picture.bytes.toString('base64')}`
        content.unshift({ type: 'image', url, detail: 'auto', param: 'picture' })
      }
      if (sound !== undefined) {
        const from = { base64: sound.toString('base64') }
        content.unshift({ type: 'sound', from, param: 'sound' })
      }
      let answer = ''
      for await (const event of opened.ask(content, BACKGROUND, never)) {
        if (event.type === 'text-delta') answer += event.text
      }
      return answer.trim()
    },
    close: () => opened.close(),
  }
}

const never = new AbortController().signal
