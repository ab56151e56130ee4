/** Worker thread of the hostile-text tests: loads damaged tokenizers and templates one after the other, and says how it went. */
import { parentPort } from 'node:worker_threads'
import { ChatTemplate } from '../../src/chat/template.ts'
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts'

export type TextTrial =
  | { readonly kind: 'tokenizer'; readonly folder: string }
  | { readonly kind: 'template'; readonly source: string }

export type TextTrialResult =
  | { readonly taken: true; readonly text: string }
  | { readonly taken: false; readonly reason: string }

const TEXT = 'The quick brown fox, 12 345.67: "ünï" 漢字 😀\n\n\t x'

async function run(trial: TextTrial): Promise<string> {
  if (trial.kind === 'tokenizer') {
    const tokenizer = await Tokenizer.load(trial.folder)
    return tokenizer.decode(tokenizer.encode(TEXT))
  }
  const template = new ChatTemplate(trial.source, { bos_token: '<s>', eos_token: '</s>' })
  return template.render([{ role: 'user', content: 'Hello' }])
}

// Loading it takes as long as a thousand trials.
parentPort!.postMessage('ready')

parentPort!.on('message', async (trial: TextTrial) => {
  let result: TextTrialResult
  try {
    result = { taken: true, text: await run(trial) }
  } catch (error) {
    result = { taken: false, reason: String(error) }
  }
  parentPort!.postMessage(result)
})
