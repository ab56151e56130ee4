/** The held-out evaluation of the starter: reproducible, unambiguous, balanced, and true by the pixels. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import fc from 'fast-check'
import sharp from 'sharp'
import { drawBlank, drawScene } from '../../models/starter/eval/draw.ts'
import { FONTS } from '../../models/starter/eval/lettering.ts'
import { questionsAbout, questionsWithoutPicture } from '../../models/starter/eval/questions.ts'
import { insertReport, markdownReport } from '../../models/starter/eval/report.ts'
import { createScene, type Scene } from '../../models/starter/eval/scene.ts'
import { KINDS } from '../../models/starter/eval/shapes/index.ts'
import { type Answered, tally, wilson } from '../../models/starter/eval/tally.ts'
import { ROWS } from '../../models/starter/eval/tasks.ts'
import language from '../../models/starter/language.json' with { type: 'json' }
import { answerFromPixels } from '../support/seen-answers.ts'
import { type SeenObject, seePicture } from '../support/seen-picture.ts'

const seeds = fc.integer({ min: 1, max: 2 ** 31 - 1 })
const EVAL = new URL('../../models/starter/eval/', import.meta.url)

describe('starter evaluation: scenes', () => {
  it('are the same for the same seed, to the byte, and differ between seeds', async () => {
    const draw = async (seed: number) => sha256((await drawScene(createScene(seed))).bytes)
    for (const seed of [3, 17, 29]) {
      assert.deepEqual(createScene(seed), createScene(seed))
      assert.deepEqual(questionsAbout(createScene(seed)), questionsAbout(createScene(seed)))
      assert.equal(await draw(seed), await draw(seed))
    }
    assert.notEqual(await draw(3), await draw(17))
  })

  it('draw every kind of the world, and no other', () => {
    assert.deepEqual([...KINDS].sort(), [...language.kinds].sort())
  })

  it('keep things apart, inside the picture, of a clear size and in a colour that stands out', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const { frame, objects, text, background } = createScene(seed)
        const boxes = [...objects.map(({ box }) => box), ...(text ? [text.box] : [])]
        for (const [i, a] of boxes.entries()) {
          assert.ok(
            a.left > frame.left &&
              a.right < frame.right &&
              a.top > frame.top &&
              a.bottom < frame.bottom,
          )
          for (const b of boxes.slice(i + 1)) {
            const apart = Math.max(
              a.left - b.right,
              b.left - a.right,
              a.top - b.bottom,
              b.top - a.bottom,
            )
            assert.ok(apart >= 2.5, `boxes are ${apart} units apart`)
          }
        }
        for (const { r, size, color } of objects) {
          const [least, most] = language.sizes[size] as [number, number]
          assert.ok(r >= least && r <= most)
          assert.ok(channelDistance(language.colors[color], language.backgrounds[background]) > 130)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('span sizes of 160 to 1200 pixels, shapes of 1:3 to 3:1, and both file formats', async () => {
    const scenes = Array.from({ length: 300 }, (_, i) => createScene(i + 1))
    const longest = scenes.map(({ width, height }) => Math.max(width, height))
    const aspects = scenes.map(({ width, height }) => width / height)
    assert.ok(Math.min(...longest) >= 160 && Math.min(...longest) < 200)
    assert.ok(Math.max(...longest) <= 1200 && Math.max(...longest) > 1000)
    assert.ok(Math.min(...aspects) > 0.32 && Math.min(...aspects) < 0.4)
    assert.ok(Math.max(...aspects) < 3.1 && Math.max(...aspects) > 2.5)
    const small = scenes.filter((_, i) => longest[i]! < 260).slice(0, 20)
    const types = new Set<string>()
    for (const scene of small) {
      const { bytes, mediaType } = await drawScene(scene)
      const { width, height, format } = await sharp(bytes).metadata()
      assert.deepEqual([width, height, `image/${format}`], [scene.width, scene.height, mediaType])
      types.add(mediaType)
    }
    assert.deepEqual([...types].sort(), ['image/jpeg', 'image/png'])
  })

  it('write only in fonts that training leaves out, each with its licence', () => {
    const heldOut = ['bitter', 'courier-prime', 'fira-sans', 'merriweather', 'oswald', 'rubik']
    assert.deepEqual(
      [...new Set(FONTS.map((name) => name.replace(/-latin.*/, '')))].sort(),
      heldOut,
    )
    for (const name of heldOut) assert.ok(existsSync(new URL(`fonts/${name}-OFL.txt`, EVAL)))
    const folder = new URL('fonts/', EVAL)
    const bytes = readdirSync(folder).reduce(
      (sum, name) => sum + statSync(new URL(name, folder)).size,
      0,
    )
    assert.ok(bytes < 400_000)
  })
})

describe('starter evaluation: the truth, read from the pixels', () => {
  it('has every object where, as large and in the colour that the scene says', async () => {
    for (const scene of textless(40)) {
      const { objects: seen } = await seePicture((await drawScene(scene, { plain: true })).bytes)
      assert.equal(
        seen.length,
        scene.objects.length,
        `seed ${scene.seed}: ${seen.length} objects seen`,
      )
      for (const object of scene.objects) {
        const { color, left, right, top, bottom } = seenAt(seen, object.x, object.y)
        assert.equal(color, object.color, `seed ${scene.seed}: ${object.kind}`)
        for (const [drawn, said] of [
          [left, object.box.left],
          [right, object.box.right],
          [top, object.box.top],
          [bottom, object.box.bottom],
        ] as const) {
          assert.ok(
            Math.abs(drawn - said) < 2,
            `seed ${scene.seed}: ${object.kind} at ${drawn}, not ${said}`,
          )
        }
      }
    }
  })

  it('gives the answers of every question that pixels can decide', async () => {
    const checked = new Map<string, number>()
    for (const scene of textless(60)) {
      const seen = await seePicture((await drawScene(scene, { plain: true })).bytes)
      for (const question of questionsAbout(scene)) {
        const truth = answerFromPixels(question, scene, seen)
        if (truth === undefined) continue
        assert.equal(question.answer, truth, `seed ${scene.seed}: ${question.question}`)
        checked.set(question.task, (checked.get(question.task) ?? 0) + 1)
      }
    }
    const tasks = [
      'count_all',
      'color_single',
      'count_color',
      'color_of_kind',
      'place',
      'size_of',
      'relation',
      'relation_yes_no',
      'compare_size',
      'caption',
      'json',
      'background',
    ]
    for (const task of tasks)
      assert.ok((checked.get(task) ?? 0) >= 5, `${task}: only ${checked.get(task)} checked`)
  })
})

describe('starter evaluation: questions', () => {
  const scenes = Array.from({ length: 900 }, (_, i) => createScene(i + 1))
  const questions = scenes.flatMap(questionsAbout)
  const byTask = Map.groupBy(questions, ({ task }) => task)

  it('cover every row of the table', () => {
    const tasks = new Set([...questions, ...questionsWithoutPicture(1, 1)].map(({ task }) => task))
    for (const { label, tasks: wanted } of ROWS) {
      assert.ok(
        wanted.every((task) => tasks.has(task)),
        `no question for: ${label}`,
      )
    }
    assert.equal(
      new Set(ROWS.flatMap((row) => row.tasks)).size,
      tasks.size,
      'a task is missing from the table',
    )
  })

  it('cannot be guessed: no answer is commoner than 35 %, yes and no are even', () => {
    for (const [task, of] of byTask) {
      if (task === 'absent_text') continue // one answer by its nature; its blind score says what it is worth
      const counts = [...Map.groupBy(of, ({ answer }) => answer).values()].map(
        (same) => same.length,
      )
      const share = Math.max(...counts) / of.length
      const most = task === 'exists' || task === 'relation_yes_no' ? 0.58 : 0.36
      assert.ok(
        share <= most,
        `${task}: ${Math.round(share * 100)} % have one answer (${of.length} questions)`,
      )
    }
  })

  it('are put in unseen words as often as they say, and never call a training phrasing unseen', () => {
    const unseen = questions.filter(({ seenPhrasing }) => !seenPhrasing)
    assert.ok(Math.abs(unseen.length / questions.length - 0.3) < 0.03)
    for (const [name, phrasings] of Object.entries(language.heldOutPhrasings)) {
      const trained = language.phrasings[name as keyof typeof language.phrasings]
      assert.ok(
        phrasings.every((phrasing) => !trained.includes(phrasing)),
        name,
      )
    }
  })

  it('leave no slot open and use the right article', () => {
    for (const { question } of questions) {
      assert.doesNotMatch(question, /[{}]|undefined/)
      assert.doesNotMatch(question, /\ba [aeiou]|\ban [^aeiou]/i)
    }
  })

  it('name only one thing, or none when they are unanswerable', () => {
    for (const scene of scenes) {
      for (const { task, question, answer } of questionsAbout(scene)) {
        const kinds = scene.objects.map(({ kind }) => kind as string)
        const absent = answer.match(/^there is no (\w+) in the picture\.$/)?.[1]
        if (task === 'absent_noun') assert.ok(language.heldOutNouns.includes(absent!), question)
        if (task === 'absent_noun') assert.ok(!language.nouns.includes(absent!), question)
        if (task === 'absent_kind')
          assert.ok(language.kinds.includes(absent!) && !kinds.includes(absent!))
        if (task === 'color_of_kind') {
          const named = scene.objects.filter(({ kind }) =>
            new RegExp(`\\b${kind}\\b`).test(question),
          )
          assert.equal(named.length, 1, question)
          assert.equal(named[0]!.color, answer)
        }
      }
    }
  })
})

describe('starter evaluation: figures', () => {
  it("has Wilson's interval", () => {
    // Newcombe 1998, table I: 81 of 263, and 0 of 20.
    const { low, high } = wilson(81, 263)
    assert.deepEqual([low.toFixed(4), high.toFixed(4)], ['0.2553', '0.3662'])
    assert.deepEqual(
      Object.values(wilson(0, 20)).map((v) => v.toFixed(4)),
      ['0.0000', '0.1611'],
    )
  })

  it('count exact matches, blind ones, the commonest answer, and split them', () => {
    const { rows, byObjects, byTextLength, phrasings } = tally(SAMPLE)
    const count = rows.find(({ tasks }) => tasks[0] === 'count_all')!
    assert.deepEqual([count.score.right, count.score.n, count.blind.right], [2, 3, 1])
    assert.equal(count.mostFrequent, 2 / 3)
    assert.deepEqual([count.seenPhrasing.n, count.unseenPhrasing.n], [2, 1])
    assert.deepEqual([phrasings.seen.right, phrasings.seen.n, phrasings.unseen.right], [3, 3, 0])
    const split = byObjects.find(({ task }) => task === 'count_all')!
    assert.deepEqual(
      split.scores.map(({ right, n }) => [right, n]),
      [
        [1, 2],
        [1, 1],
        [0, 0],
        [0, 0],
        [0, 0],
      ],
    )
    const digits = byTextLength.find(({ task }) => task === 'read_digits')!
    assert.deepEqual(
      digits.scores.map(({ n }) => n),
      [0, 1, 0, 0, 0, 0, 0],
    )
  })

  it('replace the table between the markers of a model card, and nothing else', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'starter-eval-'))
    const card = pathToFileURL(join(folder, 'README.md'))
    const markdown = markdownReport(tally(SAMPLE), FACTS)
    await writeFile(card, 'before\n<!-- eval:start -->\nold\n<!-- eval:end -->\nafter\n')
    await insertReport(card, markdown)
    await copyFile(card, join(folder, 'once.md'))
    await insertReport(card, markdown)
    const text = await readFile(card, 'utf8')
    assert.equal(text, await readFile(join(folder, 'once.md'), 'utf8'))
    assert.ok(
      text.startsWith('before\n<!-- eval:start -->\nMeasured') &&
        text.endsWith('<!-- eval:end -->\nafter\n'),
    )
    assert.match(text, /\| how many objects, 1–5 \| \*\*66\.7\*\* \|/)
    await writeFile(card, 'no markers')
    await assert.rejects(insertReport(card, markdown), /expected <!-- eval:start -->/)
    await rm(folder, { recursive: true })
  })

  it('blinds the model with a grey picture of the same size', async () => {
    const { bytes } = await drawBlank(211, 97)
    const { width, height } = await sharp(bytes).metadata()
    const { channels } = await sharp(bytes).stats()
    assert.deepEqual([width, height], [211, 97])
    for (const { min, max } of channels) assert.deepEqual([min, max], [128, 128])
  })
})

const SAMPLE: readonly Answered[] = [
  sample({ answer: 'one', given: 'one', blind: 'one', objects: 1 }),
  sample({ answer: 'one', given: 'two', blind: 'two', objects: 1, seenPhrasing: false }),
  sample({ answer: 'two', given: 'two', blind: 'one', objects: 2 }),
  sample({ task: 'read_digits', answer: '42', given: '42', blind: '7', textLength: 2 }),
]

const FACTS = {
  date: '2026-01-02',
  command: 'npm run starter:eval',
  model: 'starter',
  weights: 'ab'.repeat(32),
  pictures: 3,
  seed: 1,
  questions: 4,
  seconds: 1,
  machine: 'a machine',
}

function sample(values: Partial<Answered>): Answered {
  return {
    task: 'count_all',
    question: 'how many?',
    answer: '',
    given: '',
    blind: '',
    seed: 1,
    objects: 1,
    textLength: 0,
    seenPhrasing: true,
    ...values,
  }
}

/** The first scenes without text; pixels tell objects from each other, not letters. */
function textless(count: number): Scene[] {
  const scenes: Scene[] = []
  for (let seed = 1; scenes.length < count; seed++) {
    const scene = createScene(seed)
    if (scene.text === undefined) scenes.push(scene)
  }
  return scenes
}

function seenAt(seen: readonly SeenObject[], x: number, y: number): SeenObject {
  const at = seen.find(
    ({ left, right, top, bottom }) => x > left && x < right && y > top && y < bottom,
  )
  assert.ok(at, `nothing seen at ${x}, ${y}`)
  return at
}

function channelDistance(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + Math.abs(value - b[i]!), 0)
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
