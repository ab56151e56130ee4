/** Which expert an answer calls, and with what (`m3/demo/experts/expert_*.py`). */
import { LABEL_GROUPS, type LabelGroup } from './label-groups.ts'

/** In the order in which an answer is searched for them. */
export const EXPERTS = ['CXR', 'VISTA3D', 'BRATS'] as const
export type Expert = (typeof EXPERTS)[number]

/** The argument that stands for every label; also what a missing one means. */
const EVERYTHING = 'everything'

const GROUPS: Readonly<Record<string, LabelGroup>> = LABEL_GROUPS

/** Whether an answer holds exactly one `<…>`, on one line, with the expert's name somewhere inside. */
export function mentions(answer: string, expert: Expert): boolean {
  return onlyTag(answer)?.includes(expert) ?? false
}

/** The expert that an answer calls. */
export function calledExpert(answer: string): Expert | undefined {
  return EXPERTS.find((expert) => mentions(answer, expert))
}

/** Labels that a call of VISTA3D asks for; undefined: all of them. */
export interface LabelRequest {
  readonly labels: readonly number[] | undefined
}

/**
 * Reads the argument of a call of VISTA3D. Throws an Error with the published sentence for an argument that is not one group;
 * the model is told it (`errorFeedback`).
 */
export function requestedLabels(answer: string): LabelRequest {
  const tag = onlyTag(answer)
  if (tag === undefined)
    throw new Error('Expert model VISTA3D is not correctly enclosed in angle brackets.')
  const given = enclosed(tag.slice('VISTA3D'.length), '(', ')')
  if (given.length > 1) {
    throw new Error(
      'Multiple expert model arguments are provided in the same prompt, which is not supported in this version.',
    )
  }
  const group = given[0] || EVERYTHING
  if (group === EVERYTHING) return { labels: undefined }
  if (!Object.hasOwn(GROUPS, group))
    throw new Error(`Label group ${group} is not accepted by the VISTA-3D model.`)
  return { labels: Object.values(GROUPS[group]!) }
}

/** Name of a label, from the first group that has it; undefined for one without a name. */
export function labelName(id: number): string | undefined {
  for (const group of Object.values(GROUPS)) {
    const found = Object.entries(group).find(([, label]) => label === id)
    if (found) return found[0]
  }
  return undefined
}

/** What is between the one `<` and `>` of a text; undefined where there are none or several. */
function onlyTag(text: string): string | undefined {
  const tags = enclosed(text, '<', '>')
  return tags.length === 1 ? tags[0] : undefined
}

/** Every stretch from an opening character to the next closing one on the same line; in one pass, for models may write anything. */
function enclosed(text: string, opening: string, closing: string): string[] {
  const found: string[] = []
  let start = -1
  for (let i = 0; i < text.length; i++) {
    const character = text[i]
    if (character === opening && start < 0) {
      start = i + 1
    } else if (character === closing && start >= 0) {
      found.push(text.slice(start, i))
      start = -1
    } else if (character === '\n') {
      start = -1
    }
  }
  return found
}
