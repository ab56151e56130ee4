/** VILA-M3's conversation: what a user's turn says, and what an expert's result says to the model (`m3/demo/gradio_m3.py`). */
import { EXPERT_CARDS } from './expert-cards.ts'
import { type Expert, labelName } from './trigger.ts'

export interface M3Message {
  readonly role: 'user' | 'assistant' | 'expert'
  /** One `<image>` a picture. */
  readonly text: string
  /** Whatever the caller names pictures by, in the order of their placeholders. */
  readonly pictures: readonly string[]
}

export type Modality = 'CT' | 'MRI' | 'CXR' | 'US' | 'cell imaging'

const IMAGE = '<image>'

/** First hit wins; parts of words count. */
const KEYWORDS: readonly (readonly [string, Modality])[] = [
  ['cxr', 'CXR'],
  ['chest x-ray', 'CXR'],
  ['ct image', 'CT'],
  ['mri', 'MRI'],
  ['magnetic resonance imaging', 'MRI'],
  ['ultrasound', 'US'],
  ['cell imaging', 'cell imaging'],
]

/** From the first file's name, else from the text; undefined where neither says. */
export function modalityOf(file: string | undefined, text: string): Modality | undefined {
  const name = file?.startsWith('data:image') ? '' : (file ?? '').toLowerCase()
  if (name.includes('.nii.gz')) return name.includes('mri_') ? 'MRI' : 'CT'
  if (name.includes('cxr_')) return 'CXR'
  const said = text.toLowerCase()
  return KEYWORDS.find(([keyword]) => said.includes(keyword))?.[1]
}

export interface UserTurn {
  /** With a sequence it holds no `<image>`. */
  readonly prompt: string
  /** None, one, or the four sequences of an MRI: T1 with contrast, T1, T2, FLAIR. */
  readonly pictures: readonly string[]
  /** Of several pictures as one study, even where there is only one. */
  readonly isSequence: boolean
  readonly modality: Modality | undefined
  readonly withCards: boolean
}

export function userMessage(turn: UserTurn): M3Message {
  return { role: 'user', text: userText(turn), pictures: turn.pictures }
}

function userText({ prompt, pictures, isSequence, modality, withCards }: UserTurn): string {
  if (pictures.length === 0) return prompt
  const cards = withCards ? EXPERT_CARDS : ''
  if (isSequence) {
    const sequences = ['T1(contrast enhanced)', 'T1', 'T2', 'FLAIR'].map(
      (name) => `${name}: ${IMAGE}`,
    )
    const kind = `These are different ${modality ?? 'Unknown'} modalities.\n`
    return `${cards}${sequences.join(', ')} ${kind}${prompt}`
  }
  const kind = modality === undefined ? '' : `This is a ${modality} image.\n`
  return `${cards}${prompt.includes(IMAGE) ? '' : IMAGE}${kind}${prompt}`
}

/** Consecutive messages of experts become one of the user, with nothing between them: what the model reads. */
export function mergeExpertMessages(messages: readonly M3Message[]): M3Message[] {
  const merged: M3Message[] = []
  messages.forEach((message, i) => {
    if (message.role !== 'expert') {
      merged.push(message)
    } else if (messages[i - 1]?.role === 'expert') {
      const { text, pictures } = merged.pop()!
      merged.push({
        role: 'user',
        text: text + message.text,
        pictures: [...pictures, ...message.pictures],
      })
    } else {
      merged.push({ ...message, role: 'user' })
    }
  })
  return merged
}

/** Colours of the labels in the slice that is shown, in the order of the labels. */
export type LabelColours = ReadonlyMap<number, string>

/** A label without a name is left out. */
export function vista3dFeedback(colours: LabelColours): string {
  const named = [...colours].flatMap(([label, colour]) => {
    const name = labelName(label)
    return name === undefined ? [] : [`${colour}: ${name}`]
  })
  return `The results are ${IMAGE}. The colors in this image describe ${named.join(', ')}. `
}

/** Labels: 1 necrosis, 2 oedema, 4 enhancing tumour. */
export function bratsFeedback(colours: LabelColours): string {
  const [core, oedema, enhancing] = [1, 2, 4].map((label) => colours.get(label))
  return [
    `The results are ${IMAGE}. The colors in this image describe\n`,
    core && enhancing ? `${core} and ${enhancing}: tumor core, ` : '',
    enhancing ? `only ${enhancing}: enhancing tumor, ` : '',
    core || oedema || enhancing ? 'all colors: whole tumor\n' : '',
  ].join('')
}

/** One line a finding, in the order of their names' code units; from one half on it is there. */
export function cxrFeedback(findings: ReadonlyMap<string, number>): string {
  const lines = [...findings]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, p]) => `${name.toLowerCase().replaceAll('_', ' ')}: ${p >= 0.5 ? 'yes' : 'no'}`)
  return ['The resulting predictions are:', ...lines, '.'].join('\n')
}

export function errorFeedback(message: string): string {
  return `Sorry I met an error: ${message}`
}

/** What asks the model to go on with a result; undefined where its answer said that segmenting was all. */
export function instruction(expert: Expert, answer: string, prompt: string): string | undefined {
  if (expert !== 'CXR' && answer.includes('segmented')) return undefined
  return `Use this result to respond to this prompt:\n${prompt}`
}
