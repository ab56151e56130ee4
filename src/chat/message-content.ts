/** Whether a chat template reads the content of a message as a list of parts, or as a text. */
import type { Template } from '@huggingface/jinja'

const PROBE = 'aerie-probe'

/**
 * Older templates join content to a text, which a list cannot be; nothing in them says so but what they do. They are
 * asked with one message, and judged by whether its text comes out as a text.
 */
export function takesParts(
  template: Template,
  variables: Readonly<Record<string, unknown>>,
): boolean {
  const asParts = answer(template, variables, [{ type: 'text', text: PROBE }])
  if (asParts !== undefined && !asParts.includes('"type"')) return true
  // One that fails either way, as many do without a system message, is left with what is newer.
  return answer(template, variables, PROBE) === undefined
}

/** What the template makes of a question with this content, if the text occurs in it. */
function answer(
  template: Template,
  variables: Readonly<Record<string, unknown>>,
  content: unknown,
): string | undefined {
  try {
    const messages = [{ role: 'user', content }]
    const text = template.render({ ...variables, messages, add_generation_prompt: true })
    return text.includes(PROBE) ? text : undefined
  } catch {
    // A template that cannot read content in this form throws; that is the answer.
    return undefined
  }
}
