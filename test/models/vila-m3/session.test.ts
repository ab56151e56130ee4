/** A conversation with VILA-M3 as its driver sees it; all recorded ones are in the parity case. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { meanFindings } from '../../../models/vila-m3/chest-xray.ts'
import {
  bratsFeedback,
  mergeExpertMessages,
  modalityOf,
  vista3dFeedback,
} from '../../../models/vila-m3/conversation.ts'
import {
  addAnswer,
  endTurn,
  feedBack,
  feedError,
  NEW_SESSION,
  type Study,
  startTurn,
} from '../../../models/vila-m3/session.ts'
import { calledExpert, requestedLabels } from '../../../models/vila-m3/trigger.ts'
import { fastest } from '../../support/fastest.ts'

const CT: Study = { files: ['ct_1.nii.gz'], isSequence: false, slice: 3 }
const options = { withCards: false, pictureOf: (file: string) => file }
const call = (answer: string, study?: Study) =>
  addAnswer(startTurn(NEW_SESSION, 'Is there a tumor?', study, options), answer)

describe('a turn that calls an expert', () => {
  it('asks it for the labels of the group, and feeds the result back as the next turn of the user', () => {
    const { session, called } = call(' Let me trigger <VISTA3D(hepatic tumor)>. ', CT)
    assert.deepEqual(called, { call: { expert: 'VISTA3D', labels: [1, 26], study: CT } })
    const text = vista3dFeedback(
      new Map([
        [1, 'red'],
        [26, 'blue'],
        [99, 'green'],
        [200, 'lime'],
      ]),
    )
    const fed = feedBack(session, 'VISTA3D', { text, overlay: 'overlay.jpg' })
    assert.equal(fed.goesOn, true)
    assert.deepEqual(
      mergeExpertMessages(fed.session.messages).map(({ role }) => role),
      ['user', 'assistant', 'user'],
    )
    const last = mergeExpertMessages(fed.session.messages).at(-1)!
    assert.match(
      last.text,
      /^The results are <image>\. The colors in this image describe red: liver, blue: hepatic tumor, green: /,
    )
    assert.ok(last.text.endsWith('. Use this result to respond to this prompt:\nIs there a tumor?'))
    assert.ok(!last.text.includes('lime'))
    assert.deepEqual(last.pictures, ['overlay.jpg'])
  })

  it('ends when the answer says that segmenting was all', () => {
    const { session } = call('I segmented the image using <VISTA3D()>.', CT)
    assert.equal(feedBack(session, 'VISTA3D', { text: 'x' }).goesOn, false)
  })

  it('tells the model what went wrong, and asks nothing more', () => {
    const { session, called } = call('<VISTA3D(spleen)>', CT)
    assert.deepEqual(called, {
      expert: 'VISTA3D',
      error: 'Label group spleen is not accepted by the VISTA-3D model.',
    })
    const { messages } = feedError(
      session,
      'Label group spleen is not accepted by the VISTA-3D model.',
    )
    assert.match(messages.at(-1)!.text, /^Sorry I met an error: Label group spleen/)
  })

  it('looks at the study of the turn before, and of no earlier one', () => {
    const after = endTurn(call('A liver.', CT).session)
    const next = addAnswer(startTurn(after, 'Segment it', undefined, options), '<VISTA3D>')
    assert.deepEqual(next.called, { call: { expert: 'VISTA3D', labels: undefined, study: CT } })
    const idle = endTurn(addAnswer(startTurn(after, 'Thanks', undefined, options), 'ok').session)
    const late = addAnswer(startTurn(idle, 'Segment it', undefined, options), '<BRATS()>')
    assert.deepEqual(late.called, { expert: 'BRATS', error: "'NoneType' object is not iterable" })
  })
})

describe('what an answer calls', () => {
  it('is one expert in the only brackets, or nobody', () => {
    assert.equal(calledExpert('<CXR and BRATS>'), 'CXR')
    assert.equal(calledExpert('<VISTA3D(organs)\n>'), undefined)
    assert.equal(calledExpert('<CXR()> or <BRATS()>'), undefined)
    assert.equal(calledExpert('<cxr()>'), undefined)
  })

  it('is read in time that grows with the text, whatever it is', async () => {
    const hostile = `${'<'.repeat(50_000)}VISTA3D${'('.repeat(50_000)}>`
    const ms = await fastest(2000, () => {
      calledExpert('<'.repeat(50_000))
      requestedLabels(hostile)
    })
    assert.ok(ms < 2000, `${ms} ms`)
  })

  it('never reaches for what every object has', () => {
    assert.throws(() => requestedLabels('<VISTA3D(constructor)>'), /Label group constructor is not/)
  })
})

describe('what the model is told', () => {
  it('of a tumour depends on which labels the slice has', () => {
    const start = 'The results are <image>. The colors in this image describe\n'
    assert.equal(bratsFeedback(new Map()), start)
    assert.equal(bratsFeedback(new Map([[2, 'red']])), `${start}all colors: whole tumor\n`)
    const all = new Map([
      [1, 'red'],
      [2, 'blue'],
      [4, 'yellow'],
    ])
    const said =
      'red and yellow: tumor core, only yellow: enhancing tumor, all colors: whole tumor\n'
    assert.equal(bratsFeedback(all), start + said)
  })

  it('of a modality comes from the name, else from the text', () => {
    assert.equal(modalityOf('a_mri_.nii.gz', 'ct image'), 'MRI')
    assert.equal(modalityOf('data:image/png;base64,cxr_', 'an ultrasound'), 'US')
    assert.equal(modalityOf(undefined, 'a picture'), undefined)
  })

  it('of a chest X-ray is decided by the members that were chosen for the class', () => {
    const every = (p: number) => ({
      ...Object.fromEntries(meanFindings({ m: {} })),
      Pneumothorax: p,
    })
    const findings = meanFindings({
      'resnet50-res512-all': every(0.25),
      'densenet121-res224-nih': every(1),
    })
    assert.equal(findings.get('Pneumothorax'), 0.25)
  })
})
