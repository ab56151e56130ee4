/** A small batch that a first visitor can run: questions about the example pictures. */
import { dataUri } from '../conversation/attachments.js'
import { fetchExample } from '../conversation/examples.js'

const QUESTIONS = /** @type {const} */ ([
  ['red-circle-blue-square.png', 'what color is the circle?'],
  ['red-circle-blue-square.png', 'is there a star?'],
  ['three-stars.jpg', 'how many stars are there?'],
  ['word-cafe.png', 'what is written there?'],
  ['purple-heart.png', 'what color is the heart?'],
  ['house-tree-car.jpg', 'what color is the car?'],
])

/**
 * @param {string} model
 * @returns {Promise<File>} one request a line
 */
export async function exampleLines(model) {
  const lines = await Promise.all(
    QUESTIONS.map(async ([file, text], i) => {
      const content = [
        { type: 'image_url', image_url: { url: await dataUri(await fetchExample(file)) } },
        { type: 'text', text },
      ]
      return JSON.stringify({
        ...{ custom_id: `question-${i + 1}`, method: 'POST', url: '/v1/chat/completions' },
        body: { model, messages: [{ role: 'user', content }] },
      })
    }),
  )
  return new File([`${lines.join('\n')}\n`], 'example.jsonl', { type: 'application/jsonl' })
}
