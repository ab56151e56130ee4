/** The request as a program, to be copied. */
import { failureOf } from '../api/client.js'
import { models, purposeOf } from '../api/models.js'
import { h } from '../element.js'
import { Choice } from '../parts/choice.js'
import { CopyButton } from '../parts/copy-button.js'
import { Dialog } from '../parts/dialog.js'
import { FailureNote } from '../parts/failure.js'
import { useObjectUrl } from '../parts/object-url.js'
import { settings } from '../settings.js'
import { useStore } from '../store.js'
import { useEffect, useState } from '../vendor/hooks.js'
import { requestAsCode } from './program.js'

/** @typedef {import('./files.js').NamedFile} NamedFile */
/** @typedef {import('./program.js').Language} Language */

/** @type {readonly (readonly [Language, string])[]} */
const LANGUAGES = [
  ['curl', 'curl'],
  ['javascript', 'JavaScript'],
  ['python', 'Python'],
]

/** More of a data URI than this is no use to anyone's eyes; it is copied whole. */
const SHOWN_CHARACTERS = 20_000

const NOTHING = { code: '', files: /** @type {readonly NamedFile[]} */ ([]) }

/** @param {{ readonly exchanges: readonly import('../types.d.ts').Exchange[], readonly onClose: () => void }} props */
export function CodeDialog({ exchanges, onClose }) {
  const chosen = useStore(settings)
  const known = useStore(models)
  const [language, setLanguage] = useState(/** @type {Language} */ ('curl'))
  const [media, setMedia] = useState(/** @type {'file' | 'data'} */ ('file'))
  const [program, setProgram] = useState(NOTHING)
  const [failure, setFailure] = useState(
    /** @type {import('../types.d.ts').Failure | undefined} */ (undefined),
  )
  // The one that has answered, whatever is chosen now.
  const id = exchanges.at(-1)?.answer?.model ?? chosen.model
  const model = known.find((one) => one.id === id)
  const purpose = model ? purposeOf(model) : 'chat'
  useEffect(() => {
    let isGone = false
    const { origin } = location
    requestAsCode(language, exchanges, { ...chosen, model: id }, { purpose, media, origin }).then(
      (made) => {
        if (isGone) return
        setProgram(made)
        setFailure(undefined)
      },
      (error) => isGone || setFailure(failureOf(error)),
    )
    return () => {
      isGone = true
    }
  }, [language, media, exchanges, chosen, id, purpose])
  const { code, files } = program
  return h(Dialog, {
    title: 'The request as code',
    kind: 'code-dialog',
    onClose,
    children: [
      h(
        'div',
        { key: 'choices', class: 'choices' },
        h(Choice, {
          label: 'Language',
          options: LANGUAGES,
          value: language,
          onChange: setLanguage,
        }),
        exchanges.some((exchange) => exchange.media.length > 0)
          ? h(Choice, {
              label: 'Media',
              options: /** @type {const} */ ([
                ['file', 'as files'],
                ['data', 'as data'],
              ]),
              value: media,
              onChange: setMedia,
            })
          : null,
      ),
      failure
        ? h(FailureNote, { key: 'failure', failure })
        : h(
            'div',
            { key: 'code', class: 'code' },
            h(
              'pre',
              { tabIndex: 0, 'aria-label': 'Code' },
              h(
                'code',
                null,
                code.length > SHOWN_CHARACTERS ? `${code.slice(0, SHOWN_CHARACTERS)} …` : code,
              ),
            ),
            h(CopyButton, { label: 'Copy the code', text: () => code }),
          ),
      h(
        'p',
        { key: 'note', class: 'note' },
        'The key is read from ',
        h('code', null, 'OPENAI_API_KEY'),
        '.',
        files.length > 0 ? ' It reads these files; save those that do not lie there yet: ' : '',
        files.map((file, i) => [i > 0 ? ', ' : '', h(SaveLink, { key: file.name, file })]),
        files.length > 0 ? '.' : '',
      ),
    ],
  })
}

/** @param {{ readonly file: NamedFile }} props */
function SaveLink({ file: { name, blob } }) {
  return h('a', { class: 'save-link', href: useObjectUrl(blob) ?? '', download: name }, name)
}
