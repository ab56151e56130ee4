/** Cases of VILA-M3's whole models: VILA-1.5 asked with the messages of the demo, rendered as serving renders them. */
import { join } from 'node:path'
import { loadModelConfig } from '../../models/load-config.ts'
import { type M3Message, mergeExpertMessages } from '../../models/vila-m3/conversation.ts'
import { ChatTemplate } from '../chat/template.ts'
import { Tokenizer } from '../tokenizer/tokenizer.ts'
import type { ParityAdapter } from './adapter.ts'
import type { Fact } from './compare.ts'
import { runRequests, type VilaRequest } from './vila-adapter.ts'

interface Request extends VilaRequest {
  readonly messages: readonly {
    readonly role: M3Message['role']
    readonly text: string
    readonly images?: readonly string[] | null
  }[]
}

export const vilaM3Adapter: ParityAdapter = {
  name: 'VILA-M3',
  accepts: ({ expected }) => expected['family'] === 'vila-m3' && 'requests' in expected,
  async run(reference, backend) {
    const requests = reference.expected['requests'] as Request[]
    const template = String(reference.expected['template'])
    const { family } = await loadModelConfig(reference.checkpoint)
    const folder = join(reference.checkpoint, family.textFolder ?? '')
    const chat = await ChatTemplate.ofFamily(template, await Tokenizer.load(folder))
    const merged = new Map(requests.map((request) => [request, messagesOf(request)]))
    const prompts = requests.map((request): Fact => {
      const ours = demoPrompt(chat, template, merged.get(request)!)
      return { name: `${request.id}.prompt_text`, ours, theirs: request.prompt_text }
    })
    const run = await runRequests(reference, backend, requests, (request) =>
      merged.get(request)!.flatMap(({ pictures }) => pictures),
    )
    return { ...run, facts: [...prompts, ...(run.facts ?? [])] }
  },
}

function messagesOf({ messages }: Request): M3Message[] {
  return mergeExpertMessages(
    messages.map(({ role, text, images }) => ({ role, text, pictures: images ?? [] })),
  )
}

/** As the demo has it, which leaves the assistant's name away in `vicuna_v1`; training did not, and serving does not. */
export function demoPrompt(
  chat: ChatTemplate,
  template: string,
  messages: readonly M3Message[],
): string {
  const rendered = chat.render(
    messages.map(({ role, text }) => ({ role, content: [{ type: 'text', text }] })),
  )
  return template === 'vicuna_v1' ? rendered.replace(/ASSISTANT:$/, '') : rendered
}
