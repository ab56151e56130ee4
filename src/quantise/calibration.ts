/** The conversations that every quantised model is measured with, as the model's own prompts. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ModelConfig } from '../../models/load-config.ts'
import { ONE_TILE } from '../../models/tiling/layout.ts'
import type { ChatMessage, ContentPart } from '../chat/contract.ts'
import { loadModelText } from '../chat/model.ts'
import { buildPrompt, type PromptPiece } from '../chat/prompt.ts'
import type { PromptMedium } from '../chat/prompt-media.ts'
import { ChatTemplate } from '../chat/template.ts'
import type { CalibrationPicture } from './calibration-pictures.ts'

interface Message {
  readonly role: 'user' | 'assistant'
  readonly content: string
}

interface Calibration {
  readonly text: readonly (readonly Message[])[]
  readonly pictures: readonly {
    readonly picture: CalibrationPicture
    readonly messages: readonly Message[]
  }[]
}

export interface CalibrationPrompt {
  readonly pieces: readonly PromptPiece[]
  /** Undefined in a prompt of text alone. */
  readonly picture: CalibrationPicture | undefined
}

const FILE = new URL('./calibration.json', import.meta.url)
const PLAIN = '{% for message in messages %}{{ message.content }}\n{% endfor %}'

/** Prompts in the form of the model's chat template, where it has one; those with a picture only where the model sees. Throws `invalid_package`. */
export async function calibrationPrompts(
  modelDir: string,
  { family, config, limits, picturePrompt, messageContent }: ModelConfig,
): Promise<CalibrationPrompt[]> {
  const { text, pictures } = JSON.parse(await readFile(FILE, 'utf8')) as Calibration
  const modelText = await loadModelText(join(modelDir, family.textFolder ?? ''), {
    conversationOf: (has) => family.conversation?.(config, has),
  })
  // A base model knows no turns: it is shown what is said in them, one after the other.
  const template = modelText.template.isMissing ? new ChatTemplate(PLAIN) : modelText.template
  const builder = { ...modelText, template, picturePrompt, messageContent, limits }
  const seen: PromptMedium = { kind: 'picture', layout: ONE_TILE, tokens: limits.tokensPerTile }
  try {
    const conversations = [
      ...text.map((messages) => ({ messages, picture: undefined })),
      ...(picturePrompt ? pictures : []),
    ]
    return await Promise.all(
      conversations.map(async ({ messages, picture }) => {
        const { pieces } = await buildPrompt(
          builder,
          chatMessages(messages, picture),
          picture === undefined ? [] : [seen],
        )
        return { pieces, picture }
      }),
    )
  } finally {
    await modelText.encoder.dispose()
  }
}

function chatMessages(
  messages: readonly Message[],
  picture: CalibrationPicture | undefined,
): ChatMessage[] {
  return messages.map(({ role, content }, i) => {
    const image: ContentPart[] =
      picture !== undefined && i === 0
        ? [{ type: 'image', url: picture, detail: 'low', param: 'calibration' }]
        : []
    return {
      role,
      name: undefined,
      content: [...image, { type: 'text', text: content, param: 'calibration' }],
    }
  })
}
